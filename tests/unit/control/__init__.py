"""Tests of control, part by part."""

"""Desired state over time: supervisor, workers and control, and what they say to each other.

The supervisor and the workers import nothing but the standard library and (workers) the engine, so that
they start in milliseconds and stay small. Compilation happens in a child of control, see `compile`.
"""

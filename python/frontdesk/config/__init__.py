"""The configuration language: reading files with positions, validating them, explaining mistakes."""

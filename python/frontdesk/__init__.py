"""Frontdesk, an API gateway: one YAML file, Python to extend it, a native engine to serve it."""

__version__ = "0.1.0"

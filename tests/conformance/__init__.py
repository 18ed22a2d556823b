"""The request codec beside two parsers that this project did not write."""

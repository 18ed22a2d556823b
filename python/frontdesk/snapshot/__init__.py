"""The compiled configuration: its models, its bytes and its hash."""

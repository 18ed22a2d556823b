"""The configuration as people write it, as pydantic models: the source of the reference and schema."""

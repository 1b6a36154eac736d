"""The use cases of control."""

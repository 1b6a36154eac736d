"""The projection in the store."""

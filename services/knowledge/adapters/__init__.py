"""The outside world of knowledge, behind its ports: the full-text index."""

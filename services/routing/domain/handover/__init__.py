"""The end of a desk's shift: what becomes of its open work, and who signs for it. Pure."""

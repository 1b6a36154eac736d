"""Fakes that ship beside the real things; one suite runs against both. Never used in production."""

"""Fixtures that several test levels share."""

"""Use cases: accepting, applying, closing, reading."""

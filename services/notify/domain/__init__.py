"""What is decided, and how notices change: pure."""

"""The rules of control: pure."""

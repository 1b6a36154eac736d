"""What the console thinks: projecting, sorting, telling and drawing. Pure."""

"""Articles, suggestions, and the words by which they are found: pure."""

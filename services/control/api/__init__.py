"""Control over HTTP."""

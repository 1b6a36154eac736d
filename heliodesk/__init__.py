"""The command line, and the client that integrators import."""

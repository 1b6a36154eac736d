"""The services. Each is a folder of its own; they meet only in `shared.contracts`."""

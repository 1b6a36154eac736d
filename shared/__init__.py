"""Plumbing and common language of the services; never a service's rules."""

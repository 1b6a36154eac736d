"""Intake's entrances: doors over HTTP, tickets, the internal API, and SMTP."""

"""The outside world of sla beside its store: the event log of the broker."""

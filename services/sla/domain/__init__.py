"""What the clocks of a ticket do: pure functions of its events, an instant and configurations."""

"""The demonstration: real input through every door, followed until each promise is kept."""

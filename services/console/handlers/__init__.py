"""Use cases of the console: views put together, commands passed on, changes followed."""

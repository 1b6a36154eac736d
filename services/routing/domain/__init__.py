"""The rules of routing: pure. They read no clock, make no id and touch no I/O."""

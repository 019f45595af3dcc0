"""Pure values: no I/O, no clock, no decisions about a cluster."""

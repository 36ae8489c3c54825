"""Pure values of the road: no clock, no I/O, no environment."""

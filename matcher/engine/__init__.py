"""Pure matching: equal inputs give equal matches on any machine. No clock, no I/O, no floats."""

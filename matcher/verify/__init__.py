"""Check a match as a stranger would: its book against the chain, its fills against the engine."""

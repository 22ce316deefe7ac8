"""A keeper of ten thousand deals: what an epoch costs it."""

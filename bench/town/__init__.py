"""A simulated market of thousands of peers on the real contracts, with the real services."""

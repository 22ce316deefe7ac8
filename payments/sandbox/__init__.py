"""A processor of cards that are none, for local use and tests."""

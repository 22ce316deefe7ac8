"""Connections to peers: which one, kept alive, one exchange at a time."""

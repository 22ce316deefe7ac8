"""Connections to peers at the endpoints that the chain names, one exchange at a time on each."""

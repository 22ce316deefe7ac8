"""The peer's HTTP API (DESIGN 8.7)."""

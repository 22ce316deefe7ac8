"""The gateway's HTTP service."""

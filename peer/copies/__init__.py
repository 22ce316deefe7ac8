"""Copies of what a peer answers for: its own elsewhere, and those that it keeps for others."""

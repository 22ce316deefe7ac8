"""The read API and the door for offers (DESIGN 8.6)."""

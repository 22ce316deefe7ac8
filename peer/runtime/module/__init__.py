"""Modules before they run: read, checked, linked, embedded."""

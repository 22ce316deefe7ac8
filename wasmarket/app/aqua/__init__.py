"""Aqua source to AIR, by the npm compiler in a short-lived Node process."""

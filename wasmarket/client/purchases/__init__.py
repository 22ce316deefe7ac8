"""Buying tokens by card."""

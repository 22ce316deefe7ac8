"""Measure a whole matcher process over HTTP."""

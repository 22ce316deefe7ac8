"""Measure what one unit of this machine does, with the runtime that functions run in."""

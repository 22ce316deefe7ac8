"""Batch auction: many demands at once, with a proven bound on the surplus beside the result."""

"""Purchases under faults: nothing lost, nothing doubled, and how fast one is."""

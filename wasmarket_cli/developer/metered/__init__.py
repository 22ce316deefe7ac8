"""Metered deals from the developer's side: what was used, what was signed and paid."""

"""Offers on their way in: checked, kept, funded, replaced; by HTTP or from the chain."""

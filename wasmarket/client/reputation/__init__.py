"""Reputations counted from the chain's logs alone, and compared with what a matcher says."""

"""Calls that a clock or a start makes: when, by which peer, and what became of them."""

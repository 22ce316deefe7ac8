"""Statements of a month: what an account paid or earned, with the transaction of each amount."""

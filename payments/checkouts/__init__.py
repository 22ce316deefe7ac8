"""Purchases from the quote to the end."""

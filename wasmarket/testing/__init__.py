"""Fakes that pass the same tests as the real parts, for tests of those who use them."""

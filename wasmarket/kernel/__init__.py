"""Shared words of the market: values, units, hashes and errors. No I/O, no clients."""

"""Send transactions: keys, nonces, fees, broadcast, waiting for receipts."""

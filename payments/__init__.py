"""Money of cards for tokens on chain: quotes, processors, deliveries, a double-entry ledger."""

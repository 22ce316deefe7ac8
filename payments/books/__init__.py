"""The double-entry ledger: what is posted, and whether it balances."""

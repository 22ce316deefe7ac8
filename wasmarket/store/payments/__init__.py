"""What a payment gateway keeps: checkouts, deliveries, the double-entry ledger, who is frozen."""

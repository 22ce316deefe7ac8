"""What the chain says of the deals that are metered here."""

"""What this peer owes the chain: activate, leave, release, prove; and sending it."""

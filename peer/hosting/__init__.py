"""Run the deals' services: prepare versions, start and stop them, update without a gap."""

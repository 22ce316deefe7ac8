"""How fast scripts run: AquaVM, particles between peers, clients at the edge."""

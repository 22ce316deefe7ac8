"""What a keeper does each turn: runways, payouts, alarms."""

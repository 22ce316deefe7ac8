"""Look after runways, claims and alarms by a policy: money that nobody has to think of."""

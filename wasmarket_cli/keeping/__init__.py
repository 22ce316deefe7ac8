"""`wasmarket keeper`: runways, payouts and alarms by a policy."""

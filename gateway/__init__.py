"""HTTP in, the right peers of a deal behind it: routes, failover, content."""

"""The gateway's HTTP in: routes, sites, CORS and what every request meets first."""

"""A whole market on one machine: chain, contracts, services and peers, started together."""

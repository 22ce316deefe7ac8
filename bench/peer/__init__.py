"""How fast a peer calls functions, beside other systems that run functions."""

"""What every HTTP service of the market shares: errors, the six common routes, signed requests."""

"""One demand alone: the cheapest feasible fills."""

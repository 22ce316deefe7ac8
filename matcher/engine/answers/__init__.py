"""Questions about the order book: quotes, explanations, relaxations, lost opportunities."""

"""Scripts that begin at this peer: for accounts, and the flows of apps."""

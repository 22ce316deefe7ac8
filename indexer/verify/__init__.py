"""Compare what the store says with what the chain says, row by row, as of one block."""

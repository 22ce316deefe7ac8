"""Documents to keep and print."""

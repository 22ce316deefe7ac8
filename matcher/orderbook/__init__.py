"""The order book: read from the store, kept up to date change by change, shared with readers."""

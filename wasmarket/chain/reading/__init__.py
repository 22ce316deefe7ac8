"""Read a chain: JSON-RPC, log ranges, blocks, and following it through reorgs."""

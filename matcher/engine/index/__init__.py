"""The order book in memory: columns, blocks and hash indexes that compiled kernels scan."""

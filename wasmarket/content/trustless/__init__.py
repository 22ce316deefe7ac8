"""The IPFS trustless gateway: blocks and CAR files over HTTP, as its specification has it."""

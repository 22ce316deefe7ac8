"""What the chain says of this peer: followed block by block, kept as facts, viewed at one block."""

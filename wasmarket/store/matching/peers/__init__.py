"""What a matcher knows of peers beside the chain."""

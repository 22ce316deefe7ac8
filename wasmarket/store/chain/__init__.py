"""What the indexer wrote: the chain as rows, written block by block, read settled as of a block."""

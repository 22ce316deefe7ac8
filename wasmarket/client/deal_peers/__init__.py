"""What the peers of a deal tell its developer: versions, logs."""

"""Worker processes: pre-forked, pooled, one to a compute unit."""

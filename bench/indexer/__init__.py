"""Speed of the index: backfill, live, undo, reads."""

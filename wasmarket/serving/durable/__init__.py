"""Files that hold what must outlive a crash."""

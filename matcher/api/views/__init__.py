"""JSON of the matcher's answers, and of what it is asked."""

"""From a round to transactions: proposals, submissions, evictions, notices, their outcome."""

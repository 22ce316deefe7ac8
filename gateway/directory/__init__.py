"""Where deals run and what their apps are: from the store or from a matcher."""

"""Commands of operators: indexer, matcher, gateway, content."""

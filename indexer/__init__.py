"""Follow the chain into the store: one handler per event, reorgs undone."""

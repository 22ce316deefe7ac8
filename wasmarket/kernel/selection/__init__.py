"""What peers say of themselves, and what developers ask of a matcher: documents, sites, wishes."""

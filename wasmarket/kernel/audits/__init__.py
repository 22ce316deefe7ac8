"""What peers can be held to: the times of audits, and evidence as `Audits` takes it."""

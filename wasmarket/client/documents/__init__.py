"""Documents that a developer signs and hands to the peers of a deal: secrets, pauses."""

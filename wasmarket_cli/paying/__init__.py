"""Money by card: buying, signing up, running a payment gateway."""

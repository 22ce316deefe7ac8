"""What matchers keep: offers, matches, submissions, notices."""

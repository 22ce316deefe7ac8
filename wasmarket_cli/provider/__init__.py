"""Commands of providers: stake, peers, offers, earnings."""

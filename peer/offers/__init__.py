"""Ask for a peer's units as its policy says: sign, post, renew and withdraw provider offers."""

"""Know from the chain what this peer must run, and act there: activate, leave, release, prove."""

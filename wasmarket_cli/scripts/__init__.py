"""Commands for scripts that go from peer to peer."""

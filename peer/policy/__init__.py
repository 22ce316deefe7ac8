"""The provider's policy file: whom a peer serves, within which limits, at which price."""

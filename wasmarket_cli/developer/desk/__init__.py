"""An app on a desk: a peer and a gateway of its own without a chain, reloaded as sources change."""

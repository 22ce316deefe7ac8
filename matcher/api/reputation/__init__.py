"""Reputations of peers and providers over HTTP: figures, the events of each, sorted lists."""

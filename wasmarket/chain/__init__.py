"""Talking to nodes: logs in, transactions out, contracts deployed and described."""

"""Connections that this machine opens to URLs of its own settings: proxies, HTTP clients."""

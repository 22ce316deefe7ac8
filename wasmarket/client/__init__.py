"""The Python client: what the commands do, for programs."""

from wasmarket.client.facade import Client

__all__ = ["Client"]

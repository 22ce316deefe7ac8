"""Content by its id, up to 4 MiB. Every function raises `EffectorError` when there is none."""

from wasmarket_guest.reach import ask, find


def get(cid: str) -> bytes:
    """Return a content."""
    data: bytes = ask(find("ipfs").get, cid)
    return data


def put(data: bytes) -> str:
    """Keep a content for as long as the service is here; return its id."""
    cid: str = ask(find("ipfs").put, data)
    return cid

"""Read request bodies without ever holding more than a limit allows."""

from fastapi import Request

from kernel.errors import TooLarge


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body, at most `limit` bytes. Raises TooLarge before reading further."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks = bytearray()
    async for chunk in request.stream():
        if len(chunks) + len(chunk) > limit:
            raise _too_large(limit)
        chunks += chunk
    return bytes(chunks)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes", remedy="send less at once")

"""Agree on a protocol: multistream-select 1.0."""

from collections.abc import Container

from peer.p2p.byte_streams import BadPeer, ByteStream, prefixed, read_prefixed

HEADER = "/multistream/1.0.0"
NOT_HERE = "na"
MOST_NAME = 1_024
MOST_TRIES = 16


def write_name(name: str) -> bytes:
    """Return a protocol's name as it is sent."""
    return prefixed(name.encode() + b"\n")


async def accept(stream: ByteStream, known: Container[str]) -> str:
    """Answer the other side's proposals; return the one that is known. Raises BadPeer, EOFError."""
    for _ in range(MOST_TRIES):
        name = await _read_name(stream)
        if name == HEADER or name in known:
            await stream.write(write_name(name))
            if name != HEADER:
                return name
        else:
            await stream.write(write_name(NOT_HERE))
    raise BadPeer("no protocol that is spoken here")


async def propose(stream: ByteStream, name: str) -> None:
    """Ask for a protocol. Raises BadPeer if it is not spoken there, EOFError."""
    await stream.write(write_name(HEADER) + write_name(name))
    for expected in (HEADER, name):
        answered = await _read_name(stream)
        if answered != expected:
            raise BadPeer(f"it answers {answered[:40]!r} to {expected}")


async def _read_name(stream: ByteStream) -> str:
    message = await read_prefixed(stream, MOST_NAME)
    if not message.endswith(b"\n"):
        raise BadPeer("a protocol's name without its end")
    return message[:-1].decode("utf-8", errors="replace")

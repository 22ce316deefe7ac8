"""What every layer reads from and writes to, and numbers of variable length."""

from typing import Protocol

from wasmarket.kernel.documents.varints import encode_varint

MOST_VARINT_BYTES = 9


class BadPeer(Exception):
    """The other side does not keep to the protocol; the connection ends."""


class ByteStream(Protocol):
    """A stream of bytes, both ways."""

    async def read(self, count: int) -> bytes:
        """Return exactly so many bytes. Raises EOFError where fewer come."""

    async def write(self, data: bytes) -> None:
        """Send bytes, as soon as the other side takes them."""


async def read_varint(stream: ByteStream) -> int:
    """Read an unsigned varint. Raises EOFError, BadPeer."""
    number = 0
    for index in range(MOST_VARINT_BYTES):
        [byte] = await stream.read(1)
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number
    raise BadPeer("a number of more than 63 bits")


async def read_prefixed(stream: ByteStream, most: int) -> bytes:
    """Read a message behind its length. Raises EOFError, BadPeer for more than `most` bytes."""
    size = await read_varint(stream)
    if size > most:
        raise BadPeer(f"a message of {size} bytes, more than {most}")
    return await stream.read(size)


def prefixed(message: bytes) -> bytes:
    """Return a message behind its length."""
    return encode_varint(len(message)) + message

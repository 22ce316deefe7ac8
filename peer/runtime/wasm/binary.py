"""Read and write the byte shapes that Wasm and interface types share."""

from peer.runtime.errors import ModuleError

MAX_LEB_BYTES = 5


class ByteReader:
    """Read a byte string from start to end; every overrun is a `ModuleError` that names `what`."""

    __slots__ = ("_data", "_end", "_position", "_what")

    def __init__(self, data: bytes, what: str, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._what = what
        self._position = start
        self._end = len(data) if end is None else end

    @property
    def at_end(self) -> bool:
        """Tell whether every byte was read."""
        return self._position >= self._end

    @property
    def position(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def read_u8(self) -> int:
        """Read one byte."""
        return self.read_bytes(1)[0]

    def read_bytes(self, count: int) -> bytes:
        """Read `count` bytes."""
        end = self._position + count
        if end > self._end:
            raise ModuleError(f"{self._what} ends in the middle of a value")
        chunk = self._data[self._position : end]
        self._position = end
        return chunk

    def read_leb(self) -> int:
        """Read an unsigned LEB128 number of at most 32 bits."""
        value = 0
        for index in range(MAX_LEB_BYTES):
            byte = self.read_u8()
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if value >= 1 << 32:
                    break
                return value
        raise ModuleError(f"{self._what} holds a number of more than 32 bits")

    def read_text(self, length: int) -> str:
        """Read `length` bytes of UTF-8."""
        try:
            return self.read_bytes(length).decode()
        except UnicodeDecodeError as error:
            raise ModuleError(f"{self._what} holds a name that is not UTF-8") from error


def encode_leb(value: int) -> bytes:
    """Write an unsigned LEB128 number."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

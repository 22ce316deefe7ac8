"""Read the byte shapes that Wasm and interface types share, bounded before anything is kept."""

from typing import Final

from peer.runtime.errors import ModuleError
from wasmarket.kernel.documents.varints import decode_varint
from wasmarket.kernel.errors import BadContent

U32_BITS: Final = 32


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
        position = self._position
        if position >= self._end:
            raise self._cut_short()
        self._position = position + 1
        return self._data[position]

    def read_bytes(self, count: int) -> bytes:
        """Read `count` bytes."""
        end = self._position + count
        if end > self._end:
            raise self._cut_short()
        chunk = self._data[self._position : end]
        self._position = end
        return chunk

    def skip(self, count: int) -> None:
        """Go on behind the next `count` bytes."""
        if self._position + count > self._end:
            raise self._cut_short()
        self._position += count

    def read_leb(self) -> int:
        """Read an unsigned LEB128 number of at most 32 bits."""
        try:
            value, self._position = decode_varint(
                self._data, self._position, self._end, bits=U32_BITS, shortest=False
            )
        except BadContent as error:
            raise ModuleError(f"{self._what} does not read: {error.detail}") from error
        return value

    def read_count(self, limit: int, of: str) -> int:
        """Read how many entries follow; raise `ModuleError` over `limit`, before any is read."""
        count = self.read_leb()
        if count > limit:
            raise ModuleError(f"{self._what} has {count} {of}, more than {limit}")
        return count

    def read_text(self, length: int) -> str:
        """Read `length` bytes of UTF-8."""
        try:
            return self.read_bytes(length).decode()
        except UnicodeDecodeError as error:
            raise ModuleError(f"{self._what} holds a name that is not UTF-8") from error

    def _cut_short(self) -> ModuleError:
        return ModuleError(f"{self._what} ends in the middle of a value")

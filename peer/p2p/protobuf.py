"""The few messages of Protocol Buffers that libp2p's handshakes need: numbers and bytes."""

from collections.abc import Mapping, Sequence

from peer.p2p.byte_streams import BadPeer
from wasmarket.kernel.documents.varints import encode_varint

Fields = list[int | bytes]
VARINT, BYTES = 0, 2
MOST_FIELDS = 256


def write_message(fields: Mapping[int, Sequence[int | bytes]]) -> bytes:
    """Write fields by their numbers."""
    out = b""
    for number, values in fields.items():
        for value in values:
            if isinstance(value, bytes):
                out += encode_varint(number << 3 | BYTES) + encode_varint(len(value)) + value
            else:
                out += encode_varint(number << 3 | VARINT) + encode_varint(value)
    return out


def read_message(data: bytes) -> dict[int, Fields]:
    """Read fields by their numbers. Raises BadPeer."""
    found: dict[int, Fields] = {}
    at = count = 0
    while at < len(data):
        count += 1
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        size, at = _varint(data, at)
        value: int | bytes = size
        if kind == BYTES:
            if at + size > len(data):
                raise BadPeer("a field that is longer than its message")
            value = data[at : at + size]
            at += size
        if kind not in (VARINT, BYTES) or count > MOST_FIELDS:
            raise BadPeer("a message of another kind")
        found.setdefault(number, []).append(value)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise BadPeer("a number without an end")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at

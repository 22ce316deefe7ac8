"""Read and write unsigned LEB128 numbers, as protobuf and CAR files use them."""

from wasmarket.kernel.errors import BadContent

_MAX_BITS = 63


def encode_varint(number: int) -> bytes:
    """Return the shortest form of a number that is not negative."""
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number)
    return bytes(result)


def decode_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at` and where it ends.

    Raises BadContent if it is cut short, beyond 63 bits or not the shortest form.
    """
    number = shift = 0
    while at < len(data) and shift < _MAX_BITS:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                break
            return number, at
        shift += 7
    raise BadContent("a number is cut short, too large or not in its shortest form")

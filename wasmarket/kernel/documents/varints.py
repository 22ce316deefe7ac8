"""Read and write unsigned LEB128 numbers, as Wasm, protobuf, CIDs and CAR files use them."""

from wasmarket.kernel.errors import BadContent

MULTIFORMATS_BITS = 63
"""The largest number that multiformats, protobuf lengths and CAR files may hold."""


def encode_varint(number: int) -> bytes:
    """Return the shortest form of a number that is not negative."""
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number)
    return bytes(result)


def decode_varint(
    data: bytes,
    at: int,
    end: int | None = None,
    *,
    bits: int = MULTIFORMATS_BITS,
    shortest: bool = True,
) -> tuple[int, int]:
    """Return the number at `at` and where it ends; it is read no further than `end`.

    Raises BadContent if it is cut short, needs more than `bits` bits, or is not the shortest form.
    Wasm pads its numbers, so there `shortest` is off; never more bytes than `bits` need are read.
    """
    limit = len(data) if end is None else end
    number = shift = 0
    while shift < bits:
        if at >= limit:
            raise BadContent("a number is cut short")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >> bits:
                break
            if byte == 0 and shift and shortest:
                raise BadContent("a number is not in its shortest form")
            return number, at
        shift += 7
    raise BadContent(f"a number is too large: more than {bits} bits")

"""Read and write the text forms of binary ids: a letter for the base, then digits (multibase).

Each id has one spelling in each base: digits in one case, no padding, no spare bits. Everything
else is refused, so that what is compared, cached or signed as text stands for one thing.
"""

from dataclasses import dataclass
from typing import Final

from wasmarket.kernel.errors import InvalidInput

MAX_TEXT: Final = 512
"""Digits of the longest id that is read, and so of the largest number computed with."""
BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FLICKR: Final = "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
_BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_URL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True, slots=True)
class _Base:
    """Digits, and how many bits each holds; 0: the text is one number, as in base 58."""

    digits: str
    bits: int


BASES: Final = {
    "f": _Base("0123456789abcdef", 4),
    "v": _Base("0123456789abcdefghijklmnopqrstuv", 5),
    "b": _Base(_BASE32, 5),
    "h": _Base("ybndrfg8ejkmcpqxot1uwisza345h769", 5),
    "k": _Base(_BASE36, 0),
    "z": _Base(BASE58, 0),
    "Z": _Base(_FLICKR, 0),
    "u": _Base(_URL, 6),
    "m": _Base(_URL[:-2] + "+/", 6),
    "F": _Base("0123456789ABCDEF", 4),
    "V": _Base("0123456789ABCDEFGHIJKLMNOPQRSTUV", 5),
    "B": _Base(_BASE32.upper(), 5),
    "K": _Base(_BASE36.upper(), 0),
}
_VALUES: Final = {
    prefix: {digit: value for value, digit in enumerate(base.digits)}
    for prefix, base in BASES.items()
}


def decode_multibase(text: str) -> bytes:
    """Return the bytes that a text with its base's letter stands for. Raises InvalidInput."""
    prefix, digits = text[:1], text[1:]
    if prefix not in BASES:
        raise InvalidInput(f"{prefix!r} is the letter of no base that is read here")
    return _decode(prefix, digits)


def decode_base58(text: str) -> bytes:
    """Return the bytes of a base58btc text without a letter. Raises InvalidInput."""
    return _decode("z", text)


def encode_multibase(prefix: str, data: bytes) -> str:
    """Return the one spelling of bytes in a base, its letter before it."""
    base = BASES[prefix]
    if base.bits == 0:
        return prefix + _encode_number(base.digits, data)
    width = -(-len(data) * 8 // base.bits)
    number = int.from_bytes(data, "big") << (width * base.bits - len(data) * 8)
    mask = (1 << base.bits) - 1
    return prefix + "".join(
        base.digits[number >> (base.bits * place) & mask] for place in reversed(range(width))
    )


def encode_base58(data: bytes) -> str:
    """Return the base58btc text of bytes, without a letter."""
    return _encode_number(BASE58, data)


def _decode(prefix: str, digits: str) -> bytes:
    if len(digits) > MAX_TEXT:
        raise InvalidInput(f"it has {len(digits)} digits, more than {MAX_TEXT}")
    base, values = BASES[prefix], _VALUES[prefix]
    number = 0
    for digit in digits:
        value = values.get(digit)
        if value is None:
            raise InvalidInput(f"{digit!r} is no digit of the base {prefix!r}")
        number = number * len(base.digits) + value
    if base.bits == 0:
        zeros = len(digits) - len(digits.lstrip(base.digits[0]))
        return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    size, spare = divmod(len(digits) * base.bits, 8)
    if spare >= base.bits or number & ((1 << spare) - 1):
        raise InvalidInput("it has spare bits at its end")
    return (number >> spare).to_bytes(size, "big")


def _encode_number(digits: str, data: bytes) -> str:
    number = int.from_bytes(data, "big")
    text: list[str] = []
    while number:
        number, digit = divmod(number, len(digits))
        text.append(digits[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return digits[0] * zeros + "".join(reversed(text))

"""Arithmetic modulo 2^255 - 19 with products of 128 bits, on numbers of a library for 32 bits.

curve25519-dalek's backend for 32 bits keeps a number as ten words of 26 and 25 bits in turn, and
multiplies each with each. Two neighbours are a digit of 51 bits: five digits need 25 products, or
15 for a square, where the library makes 100 and 55 and looks after each whether it ran over.

What comes out has the library's form: words of at most 2^26 and 2^25. What goes in may be a sum of
four such: digits are then below 2^54 and sums of products below 2^115, so nothing runs over. No
branch and no address depends on a number, as in the library: some of them are secret.
"""

from collections.abc import Sequence
from typing import Final

from peer.choreography.curve.wasm_body import FunctionBody

DIGITS: Final = 5
DIGIT_BITS: Final = 51
DIGIT: Final = (1 << DIGIT_BITS) - 1
LOW_BITS: Final = 26
LOW: Final = (1 << LOW_BITS) - 1
WORD_BITS: Final = 32
FOLD: Final = 19
"""2^255, modulo the prime."""
SIXTEEN_PRIMES: Final = (
    (16 * ((1 << 25) - 1) << WORD_BITS) + 16 * ((1 << 26) - FOLD),
    *((16 * ((1 << 25) - 1) << WORD_BITS) + 16 * ((1 << 26) - 1),) * 4,
)
"""Two words in each; added to a number, no word of another is larger."""


def build_multiply() -> bytes:
    """Return the body of `(result, left, right)`."""
    body = FunctionBody(3)
    left, right = _load_digits(body, 1), _load_digits(body, 2)
    folded = _fold(body, right)
    sums = [
        [(left[i], right[k - i] if i <= k else folded[k - i]) for i in range(DIGITS)]
        for k in range(DIGITS)
    ]
    _store_digits(body, 0, _sum_up(body, sums))
    return body.build()


def build_square() -> bytes:
    """Return the body of `(result, number)`: ten u64 that `build_reduce` is to read."""
    body = FunctionBody(2)
    digits = _load_digits(body, 1)
    folded = _fold(body, digits)
    twice = [_keep(body.get(digit, digit).do("i64.add")) for digit in digits]
    sums = [
        [
            (digits[i] if i == j else twice[i], digits[j] if i + j == k else folded[j])
            for i in range(DIGITS)
            for j in range(i, DIGITS)
            if (i + j) % DIGITS == k
        ]
        for k in range(DIGITS)
    ]
    for index, digit in enumerate(_sum_up(body, sums)):
        body.get(0, digit).const(LOW).do("i64.and").access("i64.store", 16 * index)
        body.get(0, digit).const(LOW_BITS).do("i64.shr_u").access("i64.store", 16 * index + 8)
    return body.build()


def build_reduce() -> bytes:
    """Return the body of `(result, words)`: ten u64 below 2^37."""
    body = FunctionBody(2)
    digits = []
    for index in range(DIGITS):
        body.get(1).access("i64.load", 16 * index)
        body.get(1).access("i64.load", 16 * index + 8).const(LOW_BITS).do("i64.shl", "i64.add")
        digits.append(_keep(body))
    _store_digits(body, 0, _carry(body, digits))
    return body.build()


def build_add() -> bytes:
    """Return the body of `(result, left, right)`; no carry leaves a word."""
    body = FunctionBody(3)
    for offset in range(0, 8 * DIGITS, 8):
        body.get(0, 1).access("i64.load", offset).get(2).access("i64.load", offset)
        body.do("i64.add").access("i64.store", offset)
    return body.build()


def build_subtract() -> bytes:
    """Return the body of `(number, other)`, which takes the other away from the number in place."""
    body = FunctionBody(2)
    digits = []
    for index, primes in enumerate(SIXTEEN_PRIMES):
        body.get(0).access("i64.load", 8 * index).const(primes).do("i64.add")
        body.get(1).access("i64.load", 8 * index).do("i64.sub")
        digits.append(_join_words(body))
    _store_digits(body, 0, _carry(body, digits))
    return body.build()


def build_negate() -> bytes:
    """Return the body of `(number)`, in place."""
    body = FunctionBody(1)
    digits = []
    for index, primes in enumerate(SIXTEEN_PRIMES):
        body.const(primes).get(0).access("i64.load", 8 * index).do("i64.sub")
        digits.append(_join_words(body))
    _store_digits(body, 0, _carry(body, digits))
    return body.build()


def build_assign() -> bytes:
    """Return the body of `(number, other, choice)`, which is the other if the choice is 1."""
    body = FunctionBody(3)
    body.const(0).get(2).do("i64.extend_i32_u").const(0xFF).do("i64.and", "i64.sub")
    mask, old = _keep(body), body.add_local()
    for offset in range(0, 8 * DIGITS, 8):
        body.get(0, 0).access("i64.load", offset).tee(old)
        body.get(1).access("i64.load", offset).get(old).do("i64.xor").get(mask)
        body.do("i64.and", "i64.xor").access("i64.store", offset)
    return body.build()


def _keep(body: FunctionBody) -> int:
    local = body.add_local()
    body.set(local)
    return local


def _load_digits(body: FunctionBody, pointer: int) -> list[int]:
    digits = []
    for offset in range(0, 8 * DIGITS, 8):
        body.get(pointer).access("i64.load32_u", offset)
        body.get(pointer).access("i64.load32_u", offset + 4)
        digits.append(_keep(body.const(LOW_BITS).do("i64.shl", "i64.add")))
    return digits


def _join_words(body: FunctionBody) -> int:
    """Make a digit of the two words in the u64 on the stack."""
    words = body.add_local()
    body.tee(words).const((1 << WORD_BITS) - 1).do("i64.and")
    body.get(words).const(WORD_BITS).do("i64.shr_u").const(LOW_BITS).do("i64.shl", "i64.add")
    return _keep(body)


def _store_digits(body: FunctionBody, pointer: int, digits: Sequence[int]) -> None:
    for index, digit in enumerate(digits):
        body.get(pointer, digit).const(LOW).do("i64.and")
        body.get(digit).const(LOW_BITS).do("i64.shr_u").const(WORD_BITS).do("i64.shl", "i64.or")
        body.access("i64.store", 8 * index)


def _fold(body: FunctionBody, digits: Sequence[int]) -> list[int]:
    return [_keep(body.get(digit).const(FOLD).do("i64.mul")) for digit in digits]


def _sum_up(body: FunctionBody, sums: Sequence[Sequence[tuple[int, int]]]) -> list[int]:
    """Add the products of each digit, and carry what is over 51 bits; return digits."""
    digits, carry = [], None
    for products in sums:
        for index, factors in enumerate(products):
            body.get(*factors).do("i64.mul_wide_u")
            if index:
                body.do("i64.add128")
        if carry is not None:
            body.get(carry).const(0).do("i64.add128")
        high = _keep(body)
        low = body.add_local()
        body.tee(low).const(DIGIT).do("i64.and")
        digits.append(_keep(body))
        body.get(high).const(64 - DIGIT_BITS).do("i64.shl")
        body.get(low).const(DIGIT_BITS).do("i64.shr_u", "i64.or")
        carry = _keep(body)
    return _close(body, digits, carry)


def _carry(body: FunctionBody, digits: Sequence[int]) -> list[int]:
    """Carry what is over 51 bits; the digits are below 2^63."""
    left, carry = [], None
    for digit in digits:
        if carry is not None:
            body.get(digit, carry).do("i64.add").set(digit)
        left.append(_keep(body.get(digit).const(DIGIT).do("i64.and")))
        carry = _keep(body.get(digit).const(DIGIT_BITS).do("i64.shr_u"))
    return _close(body, left, carry)


def _close(body: FunctionBody, digits: list[int], carry: int | None) -> list[int]:
    """Add what the last digit carries to the first, and what that carries to the second."""
    assert carry is not None
    first, second, *rest = digits
    body.get(first, carry).const(FOLD).do("i64.mul", "i64.add").set(first)
    body.get(second, first).const(DIGIT_BITS).do("i64.shr_u", "i64.add").set(second)
    body.get(first).const(DIGIT).do("i64.and").set(first)
    return [first, second, *rest]

"""Read very many decimal numbers at once (a kernel)."""

import numpy as np
from numpy.typing import NDArray

from matcher.engine.index.compiled import compiled
from matcher.engine.index.layout import U64

LIMBS = 8
WORD = 4
GROUP = 9
"""Digits that are taken at once: 10^9 times a limb of 32 bits fits a word."""

ZERO = 48
"""The digit 0 in ASCII."""


@compiled
def read_decimals(text: NDArray[np.uint8], width: int, step: int) -> U64:
    """Return numbers below 2^256 as four words each, the highest first.

    Each has `width` digits, and begins `step` characters behind the one before.
    """
    count = (len(text) + step - width) // step
    words = np.zeros((count, WORD), np.uint64)
    limbs = np.zeros(LIMBS, np.uint64)
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    for row in range(count):
        place = row * step
        end = place + width
        while place < end and text[place] == ZERO:
            place += 1
        limbs[:] = 0
        used = 0
        while place < end:
            last = min(place + GROUP, end)
            carry, scale = np.uint64(0), np.uint64(1)
            while place < last:
                carry = carry * np.uint64(10) + np.uint64(text[place] - ZERO)
                scale = scale * np.uint64(10)
                place += 1
            # Nine digits are less than a limb: one more is in use, at most.
            used = min(used + 1, LIMBS)
            for limb in range(used):
                value = limbs[limb] * scale + carry
                limbs[limb] = value & low
                carry = value >> half
        for word in range(WORD):
            high = LIMBS - 1 - 2 * word
            words[row, word] = limbs[high] << half | limbs[high - 1]
    return words

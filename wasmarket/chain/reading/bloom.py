"""Logs blooms: what a block's header says of the logs that the block has.

A bloom never denies a log that is there. It may suggest one that is not, the more often the
fuller it is.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache

from wasmarket.chain.reading.blocks import RawLog
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Address

EventKind = tuple[str, str]
"""A contract's address in small letters, and the first topic of one of its events."""

MASKS_KEPT = 1 << 13
FULL_BITS = 1_024
"""Of 2,048 bits; in a bloom with more of them set, a match proves little."""


@lru_cache(MASKS_KEPT)
def mask_of(item: str) -> int:
    """Return the three bits that an address or a topic sets (yellow paper, section 4.4.1)."""
    digest = keccak(bytes.fromhex(item[2:]))
    mask = 0
    for at in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return mask


def bloom_of(logs: Iterable[RawLog]) -> int:
    """Return the bloom of some logs."""
    bloom = 0
    for log in logs:
        bloom |= mask_of(log.address)
        for topic in log.topics:
            bloom |= mask_of(topic)
    return bloom


class WantedLogs:
    """Which events of which contracts are read, as bits of a bloom."""

    def __init__(self, topics: Mapping[Address, Sequence[str]]) -> None:
        """Take the first topics that each contract's events have."""
        self._masks = {
            (address.lower(), topic): mask_of(address) | mask_of(topic)
            for address, names in topics.items()
            for topic in names
        }
        self._kinds = tuple(self._masks.items())
        self._by_address = [
            (mask_of(address), [self._masks[address.lower(), topic] for topic in names])
            for address, names in topics.items()
        ]

    def may_be_in(self, bloom: int) -> bool:
        """Say whether a block with this bloom may have any of these events."""
        return any(
            bloom & contract == contract and any(bloom & mask == mask for mask in masks)
            for contract, masks in self._by_address
        )

    def may_miss(self, bloom: int, seen: Set[EventKind]) -> bool:
        """Say whether the bloom suggests a kind of event that was not seen among the logs."""
        return not seen >= {kind for kind, mask in self._kinds if bloom & mask == mask}

    def is_denied(self, bloom: int, seen: Set[EventKind]) -> bool:
        """Say whether the bloom denies a kind of event that was seen among the logs."""
        for kind in seen:
            mask = self._masks.get(kind, 0)
            if bloom & mask != mask:
                return True
        return False


def kinds_of(logs: Iterable[RawLog]) -> set[EventKind]:
    """Return which kinds of events there are."""
    return {(log.address.lower(), log.topics[0]) for log in logs if log.topics}

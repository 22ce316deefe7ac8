"""Put a demand's rules into numbers that kernels compare with columns."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from matcher.engine.index.layout import I32, I64, LAST, NONE, PRICE_LIMIT, TRAIT_BITS
from matcher.engine.index.storage import Storage
from matcher.engine.index.wishes import unfit_slots
from matcher.engine.values import Demand, DemandLimits

F_PRICE, F_DEVELOPER, F_MEMORY, F_TRAITS, F_TRAITS_HIGH, F_ANYWHERE, F_MODE = range(7)
F_WANT, F_BUDGET, F_CAP = range(7, 10)
F_REGIONS = 10

TRAITS_BELOW = 2**96
WORD = 2**64


class Filter(NamedTuple):
    """What a demand asks of rows: `numbers`, and lists of account slots and peer slots.

    `sold` are (account slot, units that the deal has of it), `taken` (peer slot, units that others
    got before in the same round), `excluded` the slots of asks that are left out.
    """

    numbers: I64
    listed: I32
    avoid: I32
    sold: I64
    taken: I64
    excluded: I32


UNLIMITED = DemandLimits(want=LAST, budget=LAST, fills=LAST, regions=0, cap=LAST, sold={})


def build_filter(
    demand: Demand,
    storage: Storage,
    limits: DemandLimits,
    taken: Mapping[int, int] | None = None,
    excluded: I32 | None = None,
) -> Filter:
    """Return the filter of a demand. What is beyond int64 is cut where no peer ever comes."""
    offer = demand.offer
    regions = offer.regions
    numbers = np.array(
        [
            min(offer.max_price, PRICE_LIMIT - 1),
            storage.account_slot(offer.developer),
            min(offer.min_memory_mib, LAST),
            offer.traits & (2**TRAIT_BITS - 1),
            # No peer has a trait above the 96th, so any such bit stands for all of them.
            min(offer.traits, TRAITS_BELOW) >> TRAIT_BITS,
            regions == 0,
            offer.providers_mode,
            min(limits.want, LAST),
            min(limits.budget, LAST),
            min(limits.cap, LAST),
            *_words(regions),
        ],
        np.int64,
    )
    listed = [storage.account_slot(account) for account in offer.providers]
    sold = [(storage.account_slot(account), units) for account, units in limits.sold.items()]
    gone = [(storage.peer_slot(peer), units) for peer, units in (taken or {}).items()]
    return Filter(
        numbers,
        _slots([slot for slot in listed if slot != NONE]),
        _avoided(demand, storage),
        _pairs([pair for pair in sold if pair[0] != NONE]),
        _pairs(gone),
        _NO_SLOTS if excluded is None else excluded,
    )


def build_public_filter(region: int | None, traits: int) -> Filter:
    """Return the filter of anybody who wants traits, and perhaps a region."""
    regions = 0 if region is None else 1 << region
    numbers = np.zeros(F_REGIONS + 4, np.int64)
    numbers[F_PRICE] = PRICE_LIMIT - 1
    numbers[F_DEVELOPER] = NONE
    numbers[F_TRAITS] = traits & (2**TRAIT_BITS - 1)
    numbers[F_TRAITS_HIGH] = min(traits, TRAITS_BELOW) >> TRAIT_BITS
    numbers[F_ANYWHERE] = region is None
    numbers[F_REGIONS:] = _words(regions)
    return Filter(numbers, _NO_SLOTS, _NO_SLOTS, _NO_PAIRS, _NO_PAIRS, _NO_SLOTS)


def up_to(wanted: Filter, price: int) -> Filter:
    """Return the filter for asks of no more than a price."""
    numbers = wanted.numbers.copy()
    numbers[F_PRICE] = min(int(numbers[F_PRICE]), price)
    return wanted._replace(numbers=numbers)


# Most lists are empty, and kernels never write to them.
_NO_SLOTS: I32 = np.zeros(0, np.int32)
_NO_PAIRS: I64 = np.zeros((0, 2), np.int64)


def _avoided(demand: Demand, storage: Storage) -> I32:
    """Return the slots of the peers that get none of a demand's units."""
    passed_over = _slots([storage.peer_slot(peer) for peer in demand.passed_over])
    unfit = unfit_slots(storage, demand.wish)
    return np.concatenate((passed_over, unfit)) if len(unfit) else passed_over


def _slots(slots: list[int]) -> I32:
    return np.array(slots, np.int32) if slots else _NO_SLOTS


def _pairs(pairs: list[tuple[int, int]]) -> I64:
    return np.array(pairs, np.int64) if pairs else _NO_PAIRS


def _words(regions: int) -> list[int]:
    """Cut a mask into four words, as int64 has them."""
    words = [regions >> shift & WORD - 1 for shift in (0, 64, 128, 192)]
    return [word - WORD if word >= WORD // 2 else word for word in words]

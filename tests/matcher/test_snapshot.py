"""Which peers a matcher passes over after an eviction, and for how long."""

from dataclasses import dataclass

import pytest

from matcher.orderbook.snapshot import AVOID_EPOCHS, find_absent_peers

pytestmark = pytest.mark.unit

EPOCH_SECONDS = 60
EVICTED_AT = 6_030
EVICTED_EPOCH = EVICTED_AT // EPOCH_SECONDS


@dataclass(frozen=True)
class Peer:
    id: int
    proven: int | None


@dataclass(frozen=True)
class At:
    timestamp: int
    epoch_seconds: int = EPOCH_SECONDS


@pytest.mark.parametrize(
    ("proven", "seconds_later", "absent"),
    [
        (None, 0, True),
        (EVICTED_EPOCH - 1, 60, True),
        (EVICTED_EPOCH, 60, False),
        (EVICTED_EPOCH + 1, 120, False),
        (None, AVOID_EPOCHS * EPOCH_SECONDS, True),
        (None, AVOID_EPOCHS * EPOCH_SECONDS + 1, False),
    ],
)
def test_absent__evicted_peer__until_it_proves_or_ten_epochs_pass(proven, seconds_later, absent):
    found = find_absent_peers([Peer(1, proven)], {1: EVICTED_AT}, At(EVICTED_AT + seconds_later))

    assert (1 in found) is absent


def test_absent__never_evicted__is_not():
    assert find_absent_peers([Peer(1, None)], {2: EVICTED_AT}, At(EVICTED_AT)) == frozenset()

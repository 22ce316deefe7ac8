"""Say when a trigger fires, and which peer of a deal takes a firing. Pure.

A firing is known by its time in Unix seconds, which is the same for all peers of a deal: the n-th
of `every` is a whole multiple of its seconds, so no clock drifts.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim

from wasmarket.kernel.documents.triggers import EVERY, Trigger

MOST_MISSED: Final = 100
"""Firings that are made up for at once; older ones are missed."""


def find_next(trigger: Trigger, after: float) -> int:
    """Return the first firing later than `after`, as Unix seconds before any jitter."""
    if trigger.kind == EVERY:
        past = (int(after) - trigger.first_s) // trigger.seconds
        return (past + 1) * trigger.seconds + trigger.first_s
    start = datetime.fromtimestamp(int(after), UTC).astimezone(ZoneInfo(trigger.zone))
    return int(next(CronSim(trigger.expression, start)).timestamp())


def list_between(trigger: Trigger, after: int, until: float) -> Iterator[int]:
    """Yield the firings later than `after` and no later than `until`."""
    firing = find_next(trigger, after)
    while firing + find_jitter(trigger, firing) <= until:
        yield firing
        firing = find_next(trigger, firing)


def pass_over(trigger: Trigger, after: int, until: float) -> tuple[int, int]:
    """Return how many firings of `every` are too old to be made up for, and the last of them.

    After a long absence there are millions, of which none is looked at alone.
    """
    if trigger.kind != EVERY:
        return 0, after
    first = find_next(trigger, after)
    count = (int(until) - first) // trigger.seconds + 1 - 2 * MOST_MISSED
    return (count, first + (count - 1) * trigger.seconds) if count > 0 else (0, after)


def find_jitter(trigger: Trigger, firing: int) -> int:
    """Return how many seconds late a firing is meant to be: the same for all peers."""
    if not trigger.jitter_s:
        return 0
    digest = hashlib.sha256(f"{trigger.key}:{firing}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % (trigger.jitter_s + 1)


def choose_missed(trigger: Trigger, missed: Iterable[int]) -> list[int]:
    """Return which firings that were missed are made up for."""
    found = list(missed)
    if trigger.catch_up == "none":
        return []
    return found[-1:] if trigger.catch_up == "last" else found[-MOST_MISSED:]


def rank_peers(trigger: Trigger, firing: int, own: str, others: Iterable[str]) -> list[str]:
    """Return the peers whose turn is before ours, by their endpoints, first of all first.

    Each firing has another order, which all peers find in the same way.
    """

    def weigh(endpoint: str) -> bytes:
        return hashlib.sha256(f"{trigger.key}:{firing}:{endpoint.rstrip('/')}".encode()).digest()

    limit = weigh(own)
    return sorted((peer for peer in set(others) if weigh(peer) < limit), key=weigh)

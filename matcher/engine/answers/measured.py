"""Say in words by whose measurements a wish for a latency goes, and of whom there are none."""

from datetime import UTC, datetime

import numpy as np

from matcher.engine.index.layout import I64
from matcher.engine.index.storage import Storage
from wasmarket.kernel.selection.wishes import Wish


def describe_measured(wish: Wish, storage: Storage, on_offer: I64) -> str:
    """Return a sentence about the peers in slots `on_offer`; empty without such a wish."""
    if not wish.max_latency_ms:
        return ""
    offering = np.unique(on_offer)
    measured = storage.facts.list_measured(wish.gateway)
    slots = storage.peer_slots(np.array([peer for peer, _ in measured], np.int64))
    is_offering = np.isin(slots, offering)
    found = [entry for (_, entry), is_there in zip(measured, is_offering, strict=True) if is_there]
    if not found:
        return (
            f"{wish.gateway} measured none of the {len(offering)} peers with offers: the wish for"
            f" at most {wish.max_latency_ms} ms excludes nobody"
        )
    slow = sum(entry.ms > wish.max_latency_ms for entry in found)
    region = next((f" ({entry.region})" for entry in found if entry.region), "")
    told = (
        f"{wish.gateway}{region} measured {len(found)} of the {len(offering)} peers with offers,"
        f" {slow} above {wish.max_latency_ms} ms in one of ten answers, the oldest figure of"
        f" {_moment(min(entry.at for entry in found))}"
    )
    left = len(offering) - len(found)
    return f"{told}; the {left} that it did not measure are not excluded" if left else told


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")

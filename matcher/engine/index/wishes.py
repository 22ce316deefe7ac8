"""Put whom a wish excludes into slots that kernels mark."""

import numpy as np

from matcher.engine.facts import judge_unknown
from matcher.engine.index.layout import I32, I64, NONE
from matcher.engine.index.storage import Storage
from wasmarket.kernel.selection.wishes import Wish

_NO_SLOTS: I32 = np.zeros(0, np.int32)


def judge_slots(storage: Storage, wish: Wish) -> I64:
    """Return by peer slot which limits of a wish the peer fails, as bits of `facts.WISHED`."""
    fails = np.full(storage.peers, judge_unknown(wish), np.int64)
    ids, found = storage.facts.judge(wish)
    slots = storage.peer_slots(ids)
    known = slots != NONE
    fails[slots[known]] = found[known]
    return fails


def unfit_slots(storage: Storage, wish: Wish) -> I32:
    """Return the slots of all peers that a wish excludes."""
    if not wish.limits_peers:
        return _NO_SLOTS
    return np.flatnonzero(judge_slots(storage, wish)).astype(np.int32)

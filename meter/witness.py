"""Take what the gateway saw that hosts the meter: a share of its calls, never more than it can.

Callers are strangers: what they cause here is bounded, and never keeps a call waiting.
"""

import base64
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meter.heads import HeadIntake
from meter.process import Metering
from meter.seen import RECEIPT, CallSeen, SeenCalls
from wasmarket.kernel.errors import MarketError

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 256
"""Calls that wait to be written down; those beyond are let go."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A call that a gateway passed on: who answered, with which receipt and head, to what."""

    peer: int
    receipt: str
    head: str
    input: bytes


class CallWitness:
    """Hears of calls on an event loop; a thread of its own calls `step`."""

    def __init__(
        self,
        heads: HeadIntake,
        seen: SeenCalls,
        metering: Metering,
        *,
        share: float,
        most_input: int,
        prune: Callable[[], object],
        choose: Callable[[], float] = random.random,
    ) -> None:
        """`share`: from 0 to 1; `most_input` in bytes."""
        self._heads = heads
        self._seen = seen
        self._metering = metering
        self._share = share
        self._most_input = most_input
        self._prune = prune
        self._choose = choose
        self._waiting: deque[Witnessed] = deque(maxlen=MOST_WAITING)
        self.on_news: Callable[[], object] = lambda: None
        """Called when there is something to take; on the event loop."""

    def hear(self, peer: int, receipt: str, head: str, body: bytes) -> None:
        """Take a call, if it is one of the share; does not wait."""
        if len(body) > self._most_input or self._choose() >= self._share:
            return
        self._waiting.append(Witnessed(peer, receipt, head, body))
        self.on_news()

    def step(self) -> None:
        """Write down what was heard. Raises OSError."""
        while self._waiting:
            call = self._waiting.popleft()
            try:
                self._take(call)
            except MarketError as error:
                # A peer wrote the receipt: it may be anything.
                logger.info("not written down", extra={"peer": call.peer, "why": error.detail})
        self._prune()

    def _take(self, call: Witnessed) -> None:
        found = RECEIPT.fullmatch(call.receipt)
        concerned = {held.id: held for held in self._metering.find_concerned(self._metering.facts)}
        held = concerned.get(int(found[1])) if found else None
        if held is None or held.peer != call.peer:
            # Of no deal that is seen to; or one peer speaks for another.
            return
        self._seen.take(CallSeen(call.receipt, base64.b64encode(call.input).decode()))
        if call.head:
            self._heads.take([call.head])


def prune_inputs(folder: Path, most: int) -> None:
    """Remove the oldest inputs beyond `most` bytes."""
    if not folder.is_dir():
        return
    known = sorted(((path.stat(), path) for path in folder.iterdir()), key=lambda p: p[0].st_mtime)
    excess = sum(stat.st_size for stat, _ in known) - most
    for stat, path in known:
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= stat.st_size

"""Give the answer of a flow again where the same idempotency key comes."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from peer.receipts.epoch_files import ChainHead
from wasmarket.kernel.errors import Conflict
from wasmarket.kernel.hashing import sha256

MOST_ANSWERS: Final = 10_000
MOST_BYTES: Final = 64 << 20

Place = tuple[int, str, str]
"""A deal, a flow of it, an idempotency key."""


@dataclass(frozen=True, slots=True)
class FlowAnswer:
    """What a flow gave, and the receipt that says so."""

    particle: str
    body: bytes
    assignment: int
    head: ChainHead


@dataclass(slots=True)
class _Given:
    body_hash: bytes
    task: asyncio.Task[FlowAnswer]
    size: int = 0


class FlowAnswers:
    """The answers that are given again; the oldest go when there are too many. Event loop only."""

    def __init__(self, most: int = MOST_ANSWERS, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._given: OrderedDict[Place, _Given] = OrderedDict()
        self._bytes = 0

    async def run_once(
        self, place: Place, body: bytes, begin: Callable[[], Coroutine[Any, Any, FlowAnswer]]
    ) -> FlowAnswer:
        """Run `begin` where `place` is new. Raises what it does, Conflict for another body."""
        known = self._given.get(place)
        if known is None:
            task = asyncio.ensure_future(begin())
            made = known = self._given[place] = _Given(sha256(body), task)
            task.add_done_callback(lambda _: self._count(place, made))
        elif known.body_hash != sha256(body):
            raise Conflict("the idempotency key came with another body", field="Idempotency-Key")
        # A caller who goes away does not end what others may ask for again.
        return await asyncio.shield(known.task)

    def _count(self, place: Place, made: _Given) -> None:
        # Nobody may be left to take the error.
        has_answered = not made.task.cancelled() and made.task.exception() is None
        if has_answered and self._given.get(place) is made:
            made.size = len(made.task.result().body)
            self._bytes += made.size
        while len(self._given) > self._most or self._bytes > self._most_bytes:
            _, oldest = self._given.popitem(last=False)
            self._bytes -= oldest.size

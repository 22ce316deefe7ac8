"""Send one request to a peer of a deal, and to the next one when that peer cannot take it.

A request goes to another peer only when the first cannot have begun it: nobody listens, or the
peer says 503 (starting), 429 (busy) or 404 (not there yet). A connection that breaks in the
middle leaves open whether the function ran, so the caller is told instead, unless they marked the
request idempotent. A request that may run twice may also be hedged: sent to a second peer when the
first takes longer than most calls of the deal do; the first answer wins, the other is given up.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from gateway.directory.deals import PeerRoute
from gateway.metrics import GatewayMetrics
from gateway.upstream.choice import Choice
from gateway.upstream.measurements import REFUSALS, Measurements, Outcome
from wasmarket.kernel.errors import BrokenOff, MarketError, TimedOut, Unreachable
from wasmarket.serving.peer_wire.connection import Outgoing, PeerAnswer
from wasmarket.serving.peer_wire.wire import Wire

logger = logging.getLogger(__name__)

TRY_NEXT = frozenset(REFUSALS)
MAX_REFUSAL = 256 * 1024
"""Bytes of a refusal that are kept to be passed on."""
SAMPLES = 256
FEWEST_SAMPLES = 20
"""Answers that must have been seen before their usual time is known."""
MAX_DEALS = 10_000
ALL_SECONDS = 10.0
"""How long a peer may take for what goes to all of them."""


class HeldRefusal:
    """A refusal that was read whole, so that its connection is free."""

    def __init__(self, answer: PeerAnswer, body: bytes) -> None:
        """Keep what a peer said."""
        self.status = answer.status
        self.headers = answer.headers
        self.length: int | None = len(body)
        self._body = body

    async def read(self) -> bytes:
        """Return the body once, then nothing."""
        body, self._body = self._body, b""
        return body

    def close(self) -> None:
        """Do nothing: there is no connection."""


class Usual:
    """How long the answers of each deal usually take."""

    def __init__(self, percentile: float) -> None:
        """`percentile` of the answers of a deal come earlier than `after` says; 0: never hedge."""
        self._percentile = percentile
        self._samples: dict[int, deque[float]] = {}

    def add(self, deal: int, seconds: float) -> None:
        """Remember how long an answer took."""
        if not self._percentile:
            return
        samples = self._samples.get(deal)
        if samples is None:
            if len(self._samples) >= MAX_DEALS:
                self._samples.clear()
            samples = self._samples[deal] = deque(maxlen=SAMPLES)
        samples.append(seconds)

    def after(self, deal: int) -> float | None:
        """Return after how many seconds a call takes unusually long; None: not known."""
        samples = self._samples.get(deal)
        if samples is None or len(samples) < FEWEST_SAMPLES:
            return None
        ordered = sorted(samples)
        return ordered[min(len(ordered) - 1, int(len(ordered) * self._percentile / 100))]


class Forwarder:
    """Send requests to peers, the best one first."""

    def __init__(
        self,
        wire: Wire,
        choice: Choice,
        usual: Usual,
        metrics: GatewayMetrics,
        measurements: Measurements,
    ) -> None:
        """`choice` orders the peers; `usual` says when to hedge."""
        self._wire = wire
        self._choice = choice
        self._usual = usual
        self._metrics = metrics
        self._measurements = measurements

    async def send(
        self, outgoing: Outgoing, deal: int, peers: Sequence[PeerRoute]
    ) -> tuple[PeerAnswer, PeerRoute]:
        """Return the answer of the first peer that takes the request, and which peer it was.

        Raises Unreachable (no peer took it), TimedOut, PeerFailed.
        """
        waiting = deque(self._choice.order(peers))
        refusal: tuple[PeerAnswer, PeerRoute] | None = None
        failure: MarketError | None = None
        while waiting:
            route = waiting.popleft()
            try:
                answer, route = await self._ask(outgoing, deal, route, waiting)
            except Unreachable as error:
                logger.warning("peer unreachable", extra={"peer": route.peer, "why": error.detail})
                failure = failure or error
            except (BrokenOff, TimedOut) as error:
                if not outgoing.idempotent or outgoing.more is not None:
                    raise
                failure = error
            else:
                if answer.status not in TRY_NEXT:
                    return answer, route
                refusal = await _keep(answer), route
                if outgoing.more is not None:
                    break
            self._metrics.retries.inc(bool(waiting))
        if refusal is not None:
            return refusal
        if isinstance(failure, TimedOut):
            raise failure
        raise Unreachable(
            "no peer of the deal can be reached", remedy="try again; lost units are refilled"
        )

    async def send_to_all(
        self, outgoing: Outgoing, peers: Sequence[PeerRoute]
    ) -> list[tuple[PeerRoute, PeerAnswer | None]]:
        """Send the same request to every peer at once; None: a peer that did not answer."""

        async def ask(route: PeerRoute) -> PeerAnswer | None:
            try:
                async with asyncio.timeout(ALL_SECONDS):
                    return await _keep(await self._open(outgoing, 0, route))
            except (MarketError, TimeoutError):
                return None

        answers = await asyncio.gather(*map(ask, peers))
        return list(zip(peers, answers, strict=True))

    async def _ask(
        self, outgoing: Outgoing, deal: int, route: PeerRoute, others: "deque[PeerRoute]"
    ) -> tuple[PeerAnswer, PeerRoute]:
        """Ask one peer; where it may run twice and takes unusually long, the next one as well."""
        if not outgoing.idempotent or outgoing.more is not None or not others:
            return await self._open(outgoing, deal, route), route
        patience = self._usual.after(deal)
        if patience is None:
            return await self._open(outgoing, deal, route), route
        first = asyncio.create_task(self._open(outgoing, deal, route))
        try:
            await asyncio.wait((first,), timeout=patience)
        except asyncio.CancelledError:
            first.cancel()
            raise
        if first.done():
            return first.result(), route
        other = others.popleft()
        self._metrics.hedges.inc()
        second = asyncio.create_task(self._open(outgoing, deal, other))
        return await _first_answer({first: route, second: other})

    async def _open(self, outgoing: Outgoing, deal: int, route: PeerRoute) -> PeerAnswer:
        """Ask one peer, and remember how it went."""
        choice = self._choice
        began = choice.begin(route)
        try:
            answer = await self._wire.open(route.endpoint, outgoing)
        except Unreachable:
            choice.failed(route, is_down=True)
            self._metrics.failures.inc()
            self._measurements.note(route, Outcome.UNREACHABLE)
            raise
        except (BrokenOff, TimedOut) as error:
            choice.failed(route, is_down=False)
            self._metrics.failures.inc()
            is_late = isinstance(error, TimedOut)
            self._measurements.note(route, Outcome.TIMED_OUT if is_late else Outcome.BROKEN_OFF)
            raise
        except BaseException:
            choice.left(route, began)
            raise
        if answer.status in TRY_NEXT:
            choice.left(route, began)
            self._measurements.note(route, REFUSALS[answer.status])
        else:
            seconds = choice.answered(route, began)
            self._usual.add(deal, seconds)
            self._metrics.peer_seconds.observe(seconds)
            self._measurements.note(route, Outcome.ANSWERED, seconds)
        return answer


async def _first_answer(
    asked: dict[asyncio.Task[PeerAnswer], PeerRoute],
) -> tuple[PeerAnswer, PeerRoute]:
    """Return the first answer that is none to pass over; give the other call up."""
    waiting = set(asked)
    last: asyncio.Task[PeerAnswer] | None = None
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if last is not None and last.exception() is None:
                    last.result().close()
                last = task
                if task.exception() is None and task.result().status not in TRY_NEXT:
                    return task.result(), asked[task]
    finally:
        for task in waiting:
            task.cancel()
            task.add_done_callback(_drop)
    assert last is not None
    return last.result(), asked[last]


def _drop(task: asyncio.Task[PeerAnswer]) -> None:
    """Close the answer of a call that was given up just as it came."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _keep(answer: PeerAnswer) -> HeldRefusal:
    """Read an answer whole, and free its connection. Raises PeerFailed, TimedOut."""
    body = bytearray()
    try:
        while chunk := await answer.read():
            body += chunk
            if len(body) > MAX_REFUSAL:
                break
    finally:
        answer.close()
    return HeldRefusal(answer, bytes(body[:MAX_REFUSAL]))

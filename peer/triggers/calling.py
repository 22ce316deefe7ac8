"""Make the call of a firing: a function of a service, or a flow."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from peer.hosting.served_assignment import CallRequest, Deliver, Recorded, ServedAssignment
from peer.hosting.versions import Version
from peer.runtime.module.service import BodyKind
from peer.triggers.firings import Firing, FiringState, TriggerRecord
from wasmarket.kernel.documents.triggers import Trigger, add_argument
from wasmarket.kernel.errors import MarketError, NotFound
from wasmarket.kernel.units import Timestamp

FIRST_RETRY: Final = 1.0
LONGEST_RETRY: Final = 60.0

RunFlow = Callable[[int, str, bytes, str], Awaitable[str]]
"""Runs a flow of a deal by name with JSON arguments, once for each key; returns the number of its
receipt. Raises MarketError."""


class Pausing(Protocol):
    """Which triggers of a deal are paused."""

    def has(self, key: str) -> bool:
        """Say whether a trigger is."""


class TriggeredDeal(Protocol):
    """What triggers need of a deal."""

    @property
    def deal(self) -> Any:
        """What the chain says of it: `id`, `developer`, `endpoints`."""

    @property
    def version(self) -> Version | None:
        """The version that serves."""

    @property
    def pauses(self) -> Pausing:
        """What its developer has paused."""

    def pick(self) -> ServedAssignment:
        """Return the run that takes the next call. Raises MarketError."""

    def submit(self, run: ServedAssignment, request: CallRequest, deliver: Deliver) -> None:
        """Run a call on `run`, and write its receipt."""


async def run_no_flow(deal: int, name: str, body: bytes, key: str) -> str:
    """Be the flows of a peer that runs no scripts. Raises NotFound."""
    raise NotFound(f"this peer runs no scripts, so not the flow {name}")


class TriggerCalls:
    """Makes calls as the developer, and again where they fail. Event loop only."""

    def __init__(
        self,
        now: Callable[[], Timestamp],
        peer: Callable[[], int],
        run_flow: RunFlow,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        """`now` is the chain's time, `peer` this peer's number."""
        self._now = now
        self._peer = peer
        self._run_flow = run_flow
        self._sleep = sleep

    async def make(
        self,
        hosted: TriggeredDeal,
        record: TriggerRecord,
        made: Firing,
        run: ServedAssignment | None = None,
    ) -> None:
        """Call until it is answered or all tries are used up; `run`: which is to be called."""
        made.state = FiringState.RUNNING
        pause = FIRST_RETRY
        problem = ""
        for left in range(record.trigger.retries, -1, -1):
            problem = await self._call(hosted, record.trigger, made, run)
            if not problem:
                record.end(made, FiringState.ANSWERED)
                return
            if left:
                await self._sleep(pause)
                pause = min(pause * 2, LONGEST_RETRY)
        record.end(made, FiringState.FAILED, problem)

    async def _call(
        self,
        hosted: TriggeredDeal,
        trigger: Trigger,
        made: Firing,
        run: ServedAssignment | None,
    ) -> str:
        """Make the call; return why it was not answered well, empty if it was."""
        body = trigger.arguments
        if made.argument is not None:
            body = add_argument(body, made.argument)
        # The same on every peer and try: by it a function knows a call that came before.
        particle = f"{trigger.key}:{made.id}"
        try:
            if trigger.flow:
                made.receipt = await self._run_flow(hosted.deal.id, trigger.flow, body, particle)
                return ""
            outcome = await self._submit(hosted, trigger, body, particle, run or hosted.pick())
        except MarketError as error:
            return error.detail
        if isinstance(outcome, Exception):
            return str(outcome)
        made.receipt = f"{outcome.chain.assignment}:{outcome.head.sequence}"
        return "" if outcome.fault is None else outcome.fault.detail

    async def _submit(
        self,
        hosted: TriggeredDeal,
        trigger: Trigger,
        body: bytes,
        particle: str,
        run: ServedAssignment,
    ) -> Recorded | Exception:
        future: asyncio.Future[Recorded | Exception] = asyncio.get_running_loop().create_future()

        def deliver(outcome: Recorded | Exception) -> None:
            if not future.done():
                future.set_result(outcome)

        parameters = {
            "init_peer_id": "",
            "service_id": trigger.service,
            "service_creator_peer_id": hosted.deal.developer,
            "host_id": str(self._peer()),
            "worker_id": str(run.assignment),
            "particle_id": particle,
        }
        request = CallRequest(
            trigger.service, trigger.function, body, BodyKind.JSON, self._now(), parameters
        )
        hosted.submit(run, request, deliver)
        return await future

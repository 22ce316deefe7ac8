"""All deals of a peer, and the bridge between the chain's threads and the event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from peer.chain_state.view import Assignment, ChainView
from peer.duties.due_calls import Outlook
from peer.folder import PeerFolder
from peer.hosting.deal_context import DealContext
from peer.hosting.deal_host import DealHost
from peer.hosting.hosted_deal import HostedDeal, HostState
from peer.hosting.served_assignment import ServedAssignment
from peer.hosting.sources import SourceHints
from wasmarket.kernel.errors import NotFound, Unreachable
from wasmarket.kernel.units import Timestamp

TELL_SECONDS = 0.01

LastCalls = Callable[[HostedDeal, ServedAssignment], Awaitable[None]]
"""Makes the last calls of a deal on a run. Raises OSError when it cannot be noted."""


class Host:
    """Keeps one DealHost per deal that this peer has or had a part in. Event loop only."""

    def __init__(
        self, folder: PeerFolder, context: DealContext, on_outlook: Callable[[], None]
    ) -> None:
        """`on_outlook` is called whenever `outlook` changed."""
        self._folder = folder
        self._context = replace(
            context, changed=self._changed, now_epoch=self._epoch, before_end=self._before_end
        )
        self._on_outlook = on_outlook
        self.deals: dict[int, DealHost] = {}
        self.chain_view: ChainView | None = None
        self.outlook = Outlook()
        self.make_last_calls: LastCalls | None = None
        """Makes the calls of a deal's `stop` before its last workers end."""
        self._closing: set[asyncio.Future[None]] = set()
        self._telling: asyncio.TimerHandle | None = None

    @property
    def hints(self) -> SourceHints:
        """Return where notices say that content is."""
        return self._context.hints

    @property
    def pinning(self) -> str:
        """Return whether workers have cores of their own, and why not."""
        return self._context.spawner.cores.state

    def take(self, chain_view: ChainView) -> None:
        """Take what the chain says now."""
        self.chain_view = chain_view
        self._context.book.peer = chain_view.peer
        self._context.spawner.cores.plan(chain_view.units)
        held: dict[int, dict[int, Assignment]] = {number: {} for number in chain_view.deals}
        for assignment in chain_view.assignments.values():
            if assignment.deal in held:
                held[assignment.deal][assignment.id] = assignment
        for number, deal in chain_view.deals.items():
            if number not in self.deals:
                self.deals[number] = DealHost(deal, self._folder.service(number), self._context)
            self.deals[number].take(chain_view, held[number])
        for number in [known for known in self.deals if known not in chain_view.deals]:
            gone = asyncio.ensure_future(self.deals.pop(number).end())
            self._closing.add(gone)
            gone.add_done_callback(self._closing.discard)
        self._changed()

    def now(self) -> Timestamp:
        """Return the chain's time as last seen. Raises Unreachable before that."""
        if self.chain_view is None:
            raise Unreachable("the chain was not read yet", remedy="try in a moment")
        return self.chain_view.head.timestamp

    def find(self, deal: int) -> DealHost:
        """Return a deal's host. Raises NotFound."""
        try:
            return self.deals[deal]
        except KeyError:
            raise NotFound(
                f"this peer has no part in deal {deal}", remedy="ask another peer of the deal"
            ) from None

    def failures(self) -> list[str]:
        """Return what keeps deals from being served."""
        return [
            f"deal {number}: {host.failure()}"
            for number, host in self.deals.items()
            if host.problem and host.state() == HostState.FAILED
        ]

    async def close(self) -> None:
        """Stop all services."""
        if self._telling is not None:
            self._telling.cancel()
        await asyncio.gather(*(deal.close() for deal in self.deals.values()), *self._closing)

    def _epoch(self) -> int:
        return -1 if self.chain_view is None else self.chain_view.epoch

    async def _before_end(self, deal: HostedDeal, run: ServedAssignment) -> None:
        if self.make_last_calls is not None:
            await self.make_last_calls(deal, run)

    def _changed(self) -> None:
        """Tell what changed in a moment: after a restart a thousand deals have something to say."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = None
        ready: set[int] = set()
        refused = {}
        for deal in self.deals.values():
            ready |= deal.ready()
            refused.update({i: why.reason for i, why in deal.refused.items()})
        credits = {
            number: deal.credit
            for deal in self.deals.values()
            if deal.deal.is_metered
            for number in deal.assignments
        }
        outlook = Outlook(frozenset(ready), refused, credits)
        if outlook != self.outlook:
            self.outlook = outlook
            self._on_outlook()

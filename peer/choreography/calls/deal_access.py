"""Say whose scripts may call a deal's services: whom its access document lets in, and its own."""

from collections.abc import Awaitable, Callable

from peer.access import check_initiator
from peer.choreography.identities import Identities
from peer.hosting.hosted_deal import HostedDeal
from wasmarket.kernel.errors import Forbidden


class DealAccess:
    """Knows the workers of deals, whose flows are their initiators."""

    def __init__(
        self, identities: Identities, find_workers: Callable[[int], Awaitable[list[str]]]
    ) -> None:
        """`find_workers` returns the ids of a deal's live workers, on all peers."""
        self._identities = identities
        self._find_workers = find_workers

    async def check(self, hosted: HostedDeal, initiator: str) -> None:
        """Let in whom the access document does, and the deal's own flows.

        Raises Forbidden.
        """
        try:
            check_initiator(hosted.access.current, initiator)
        except Forbidden:
            own = self._identities.find(initiator)
            if own is not None and own.deal == hosted.deal.id:
                return
            if initiator not in await self._find_workers(hosted.deal.id):
                raise

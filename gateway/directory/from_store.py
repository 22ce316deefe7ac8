"""Read from the store where deals run."""

from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from gateway.directory.deals import MAX_FORMER, DealRoute, PeerRoute
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.chain.assignments import fetch_assignments
from wasmarket.store.chain.deals import fetch_deal, fetch_deals
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import RUNNING_STATES
from wasmarket.store.views import DealView

BATCH = 500

Result = TypeVar("Result")


class StoreDirectory:
    """The deals that the indexer wrote."""

    def __init__(self, database: Database) -> None:
        """`database` is only read."""
        self._database = database

    async def find(self, deal: int) -> DealRoute | None:
        """Return a deal's route; None: no such deal. Raises Unreachable."""
        return await run_in_threadpool(self._read, lambda session: _find(session, deal))

    async def find_former(self, deal: int) -> tuple[PeerRoute, ...]:
        """Return peers that ran a deal, those of late first. Raises Unreachable."""
        return await run_in_threadpool(self._read, lambda session: _find_former(session, deal))

    async def find_apps(self) -> frozenset[Hash]:
        """Return the apps of all deals that have not ended. Raises Unreachable."""
        views = await run_in_threadpool(self._read, _find_live)
        return frozenset(view.app for view in views)

    async def find_developers(self) -> frozenset[Address]:
        """Return the developers of all deals that have not ended. Raises Unreachable."""
        views = await run_in_threadpool(self._read, _find_live)
        return frozenset(view.developer for view in views)

    def _read(self, query: Callable[[Session], Result]) -> Result:
        with self._database.read() as session:
            return query(session)


def _find(session: Session, deal: int) -> DealRoute | None:
    try:
        return _route(fetch_deal(session, fetch_indexed(session), deal))
    except NotFound:
        return None


def _find_former(session: Session, deal: int) -> tuple[PeerRoute, ...]:
    at = fetch_indexed(session)
    views = fetch_assignments(session, at, deal=deal, limit=MAX_FORMER, newest=True)
    # One that never began has nothing to tell.
    ran = {view.peer: view for view in reversed(views) if view.start is not None}
    newest = sorted(ran.values(), key=lambda view: view.id, reverse=True)
    return tuple(PeerRoute(view.peer, view.endpoint, view.region) for view in newest)


def _find_live(session: Session) -> list[DealView]:
    at = fetch_indexed(session)
    live: list[DealView] = []
    after = 0
    while views := fetch_deals(session, at, after=after, limit=BATCH):
        live += [view for view in views if view.status is not DealStatus.ENDED]
        after = views[-1].id
    return live


def _route(view: DealView) -> DealRoute:
    return DealRoute(
        deal=view.id,
        developer=view.developer,
        app=view.app,
        status=view.status,
        peers=tuple(
            PeerRoute(entry.peer, entry.endpoint, entry.region)
            for entry in view.live
            if entry.state in RUNNING_STATES
        ),
    )

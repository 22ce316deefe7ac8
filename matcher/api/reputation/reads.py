"""What the routes of reputations answer; each is as of one block."""

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from matcher.api.per_block import PerBlock
from matcher.api.reputation.views import NamedEventJson, ReputationJson, SummaryJson
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.reputation.figures import WINDOWS, first_of_window
from wasmarket.kernel.reputation.kinds import FIGURES, PROVEN, ReputationKind
from wasmarket.kernel.units import Address
from wasmarket.serving.pages import Page, decode_cursor, encode_cursor
from wasmarket.store.chain.events import fetch_stamp
from wasmarket.store.chain.reputation.named_events import (
    WhoseEvents,
    fetch_named_events,
    fetch_proofs,
)
from wasmarket.store.chain.reputation.peer_epochs import PeerProofs, fetch_proofs_by_peer
from wasmarket.store.chain.reputation.reading import fetch_reputation, has_peer
from wasmarket.store.chain.reputation.summaries import ShortRecord, fetch_summaries, sum_by_provider
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Database, Session
from wasmarket.store.views import Indexed

KEYS: Final[dict[str, Callable[[ShortRecord], int | None]]] = {
    "uptime": lambda summary: None if summary.uptime_ppm is None else -summary.uptime_ppm,
    "age": lambda summary: summary.registered_at,
    "pay": lambda summary: -summary.proofs.proven_pay,
    "units": lambda summary: -summary.units,
    "evictions": lambda summary: summary.evictions,
    "faults": lambda summary: summary.faults,
    "audits_lost": lambda summary: summary.audits_lost,
    "left": lambda summary: summary.counts[ReputationKind.LEFT],
    "dropped": lambda summary: summary.counts[ReputationKind.DROPPED],
    "rejected": lambda summary: summary.counts[ReputationKind.REJECTED],
}
"""The key of each of SORTS, the best first; who has no such figure comes last either way."""


class ReputationReads:
    """Reads reputations from what the indexer kept."""

    def __init__(self, database: Database, deployment: Deployment) -> None:
        """Read from a store of that deployment."""
        self._database = database
        self._bond = deployment.parameters.bond_per_unit
        self._summaries = {window: SummaryCache(database, window) for window in WINDOWS}

    def read(self, *, peer: int | None = None, provider: Address | None = None) -> ReputationJson:
        """Return the figures of a peer, or of a provider's. Raises NotFound."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            view = fetch_reputation(session, at, peer=peer, provider=provider)
        if view is None:
            raise _unknown(peer, provider)
        return ReputationJson.build(view, at, peer=peer, bond_per_unit=self._bond)

    def list_events(
        self,
        figure: str | None,
        epochs: int,
        cursor: str | None,
        limit: int,
        *,
        peer: int | None = None,
        provider: Address | None = None,
    ) -> Page[NamedEventJson]:
        """Return a page of the events that a figure counts, the newest first. Raises NotFound."""
        key = decode_cursor(cursor, int, int)
        before = None if key is None else (key[0], key[1])
        whose = WhoseEvents(peer, provider)
        with self._database.read() as session:
            at = fetch_indexed(session)
            if not has_peer(session, peer=peer, provider=provider):
                raise _unknown(peer, provider)
            first = first_of_window(at.final_epoch, epochs)
            if figure == PROVEN:
                rows = fetch_proofs(
                    session, whose, at.epoch_seconds, first=first, before=before, limit=limit
                )
            else:
                kinds = () if figure is None else FIGURES[figure]
                rows = fetch_named_events(
                    session, whose, kinds, first=first, before=before, limit=limit
                )
        following = None
        if len(rows) == limit:
            following = encode_cursor(rows[-1].block, rows[-1].log_index)
        items = [NamedEventJson.build(row) for row in rows]
        return Page(items=items, next=following, block=at.block)

    def list_summaries(
        self, of: str, sort: str, worst: bool, epochs: int, cursor: str | None, limit: int
    ) -> Page[SummaryJson]:
        """Return a page of peers or providers, the best first, or the worst."""
        is_of_peers = of == "peers"
        key = decode_cursor(cursor, int, int, int if is_of_peers else str)
        with self._database.read() as session:
            ordered, at = self._summaries[epochs].get(session, Order(is_of_peers, sort, worst))

        def place(entry: ShortRecord) -> Key:
            return _place(entry, sort, worst)

        first = 0 if key is None else bisect_right(ordered, key, key=place)
        rest = ordered[first : first + limit]
        following = encode_cursor(*place(rest[-1])) if len(rest) == limit else None
        items = [SummaryJson.build(entry, at) for entry in rest]
        return Page(items=items, next=following, block=at.block)


Key = tuple[int, int, int | str]
Both = Mapping[bool, Sequence[ShortRecord]]
"""The summaries of peers (True), and of providers."""

ORDERS_KEPT = 4
"""Orders in which the summaries of a window are ready before they are asked for."""


def _place(summary: ShortRecord, sort: str, worst: bool) -> Key:
    """Return where a summary comes in a list: those without the figure last."""
    value = KEYS[sort](summary)
    name: int | str = summary.provider if summary.peer is None else summary.peer
    if value is None:
        return 1, 0, name
    return 0, -value if worst else value, name


class Order(NamedTuple):
    """Of whom a list is, and how it is sorted."""

    is_of_peers: bool
    sort: str
    worst: bool


class SummaryCache:
    """The summaries of a window as of a block near the newest; threads may share it.

    Proofs of final epochs change with the epoch or a reorganisation, not with every block.
    """

    def __init__(self, database: Database, window: int) -> None:
        """Begin without any."""
        self._window = window
        self._all = PerBlock(database, self._count)
        self._lock = threading.Lock()
        self._of: tuple[int, int] | None = None
        self._proofs: Mapping[int, PeerProofs] = {}
        self._asked: deque[Order] = deque(maxlen=ORDERS_KEPT)

    def get(self, session: Session, order: Order) -> tuple[Sequence[ShortRecord], Indexed]:
        """Return the summaries of all peers or providers in an order."""
        if order not in self._asked:
            self._asked.append(order)
        (orders, ranked), at = self._all.get(session)
        if order not in ranked:
            ranked[order] = _sort(orders[order.is_of_peers], order)
        return ranked[order], at

    def _count(
        self, session: Session, at: Indexed
    ) -> tuple[Both, dict[Order, Sequence[ShortRecord]]]:
        """Read the summaries, and sort them as they were asked for lately."""
        first = first_of_window(at.final_epoch, self._window)
        with self._lock:
            stamp = (at.final_epoch, fetch_stamp(session)[1])
            if stamp != self._of:
                self._proofs = fetch_proofs_by_peer(session, at, first, at.final_epoch)
                self._of = stamp
            proofs = self._proofs
        peers = list(fetch_summaries(session, first, proofs).values())
        both = {True: peers, False: sum_by_provider(peers)}
        return both, {order: _sort(both[order.is_of_peers], order) for order in [*self._asked]}


def _sort(summaries: Sequence[ShortRecord], order: Order) -> list[ShortRecord]:
    return sorted(summaries, key=lambda entry: _place(entry, order.sort, order.worst))


def _unknown(peer: int | None, provider: Address | None) -> NotFound:
    if peer is not None:
        return NotFound(
            f"there is no peer {peer}", field="peer", remedy="take a number of the list of peers"
        )
    return NotFound(
        f"{provider} has no peer",
        field="address",
        remedy="take an address of the list of providers",
    )

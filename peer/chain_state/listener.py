"""Follow the chain and publish what this peer has to do with it.

Finds work without anybody's notice. When the chain cannot be reached, the last standing stays as
it is: only the chain ends an assignment.
"""

import logging
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from peer.chain_state.facts import FORMAT, Facts, PeerFact, apply_update
from peer.chain_state.view import (
    Assignment,
    ChainView,
    Deal,
    OnchainDealState,
    OpenAsk,
    OpenSpan,
    State,
)
from peer.folder import write_atomically
from wasmarket.chain.contracts.bindings import MarketLens
from wasmarket.chain.contracts.views import OnchainDeal
from wasmarket.chain.reading.blocks import BlockRef
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel.audits.times import HOLD_EPOCHS
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.units import Address, AssignmentId, DealId, Epoch, Hash
from wasmarket.serving.damage import set_aside

logger = logging.getLogger(__name__)

SAVE_BLOCKS = 200
"""Save after so many blocks even if no epoch began."""

NAMED_EPOCHS = 4
"""Epochs for which an assignment that is over is remembered: roots that may still be committed."""

Subscriber = Callable[[ChainView], None]


class Saved(msgspec.Struct):
    """The file `chain.json`."""

    facts: Facts
    chain_view: ChainView | None


def read_saved(path: Path) -> Saved | None:
    """Return what a peer kept of the chain; None if it is not there or not readable."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    text, _, check = data.rpartition(b"\n")
    try:
        if check != _check(text):
            raise msgspec.DecodeError("its checksum does not fit")
        return decode_json(text, Saved)
    except msgspec.DecodeError:
        set_aside(path, data, "what was read of the chain: it is read again")
        return None


def _check(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)


class Listener:
    """Keeps `standing` current; one thread calls `step`, anybody reads."""

    def __init__(
        self,
        follower: Follower,
        lens: MarketLens,
        deployment: Deployment,
        *,
        path: Path,
        key: Hash,
        wallet: Address,
        peer_id: int = 0,
    ) -> None:
        """`path` is where facts are kept; `peer_id` 0: find it by `key` and `wallet`."""
        self._follower = follower
        self._lens = lens
        self._deployment = deployment
        self._path = path
        self._key = key
        self._wallet = wallet
        self._peer_id = peer_id
        self._unsaved = 0
        self._must_save = False
        self._stale = True
        self._subscribers: list[Subscriber] = []
        saved = self._load()
        self._facts = saved.facts
        self._chain_view = saved.chain_view
        # Facts that are read anew say nothing until they are as far as what stood on them.
        is_anew = saved.chain_view is not None and not saved.facts.tail
        self._behind = saved.chain_view.head.number if is_anew and saved.chain_view else 0

    @property
    def chain_view(self) -> ChainView | None:
        """Return the newest standing; None before the peer is found on chain."""
        return self._chain_view

    @property
    def number(self) -> int:
        """Return as which peer of the chain this process runs, 0 while it knows none."""
        return 0 if self._chain_view is None else self._chain_view.peer

    @property
    def endpoint(self) -> str:
        """Return where the chain says that this peer is reached; empty if it is not known."""
        fact = self._facts.peers.get(self._facts.peer)
        return "" if fact is None else fact.endpoint

    def list_peers(self) -> list[tuple[int, PeerFact]]:
        """Return all registered peers by number; any thread."""
        return sorted(self._facts.peers.copy().items())

    def find_assignments(self, deal: int) -> dict[int, int]:
        """Return the peer of each assignment that a deal ever had; any thread."""
        fact = self._facts.deals.get(deal)
        return {} if fact is None else fact.assignments.copy()

    def find_apps(self, deal: int) -> tuple[Hash, ...]:
        """Return all versions of a deal's app, whoever runs it; any thread."""
        fact = self._facts.deals.get(deal)
        return () if fact is None else tuple(app for _, app in fact.apps)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with each new standing, on the listener's thread."""
        self._subscribers.append(subscriber)

    def restore(self) -> None:
        """Publish the standing of the last run, so that services start without the chain."""
        if self._chain_view is not None:
            self._publish(self._chain_view)

    def step(self) -> None:
        """Apply what is new and publish the standing at the newest block.

        Raises Unreachable and other errors of the chain; what was applied stays applied.
        """
        for update in self._follower.poll(self._facts.tail):
            self._stale |= apply_update(self._facts, update)
            self._unsaved += 1
        if not self._facts.tail or self._facts.tail[-1].number < self._behind:
            return
        self._behind = 0
        self._settle_identity()
        head = self._facts.tail[-1]
        before = self._chain_view
        if self._facts.peer and (before is None or before.head != head or self._stale):
            self._refresh(head, before)
        if self._unsaved >= SAVE_BLOCKS:
            self.save()

    def save(self) -> None:
        """Keep facts and standing on disk; without them, the next start reads the chain anew."""
        text = msgspec.json.encode(Saved(self._facts, self._chain_view))
        write_atomically(self._path, text + b"\n" + _check(text))
        self._unsaved = 0
        self._must_save = False

    def _settle_identity(self) -> None:
        found = self._peer_id or self._facts.find_peer(self._key, self._wallet)
        if found == self._facts.peer or (self._peer_id and found not in self._facts.peers):
            return
        # Assignments made before the peer was known to be ours were passed over: read again.
        logger.info("peer found on chain", extra={"peer": found})
        facts = self._new_facts(found)
        for update in self._follower.poll(facts.tail):
            apply_update(facts, update)
        self._facts = facts
        self._stale = True

    def _refresh(self, head: BlockRef, before: ChainView | None) -> None:
        epoch = self._deployment.epoch_of(head.timestamp)
        if not self._stale and before is not None and before.epoch == epoch:
            self._chain_view = replace(before, head=head, epoch_blocks=self._count_blocks(epoch))
        else:
            self._chain_view = self._read(head)
            self._stale = False
            self._must_save = True
        problem: OSError | None = None
        if self._must_save:
            # Saved before anybody acts on it: a restart must not go back to an older app. But a
            # disk that is full must not keep the peer from its work.
            try:
                self.save()
            except OSError as error:
                problem = error
        self._publish(self._chain_view)
        if problem is not None:
            raise problem

    def _read(self, head: BlockRef) -> ChainView:
        """Read assignments and deals as of `head`; the block is named, so that no node that lags
        behind can make an assignment disappear.
        """
        facts, block = self._facts, head.hash
        epoch = self._deployment.epoch_of(head.timestamp)
        needed_since = self._deployment.start_of(Epoch(max(0, epoch - NAMED_EPOCHS)))
        ids = sorted(facts.assignments)
        [peer] = self._lens.peers([facts.peer], block=block)
        assignments = {}
        for number, view in zip(ids, self._lens.assignments(ids, block=block), strict=True):
            state = State(view.state)
            # The words of metered ones stay for ever; nobody can ask about them after a while.
            if state == State.NONE or (state == State.CLOSED and epoch > view.end_of + HOLD_EPOCHS):
                facts.mark_cleared(number, head.number, needed_since)
                continue
            facts.mark_held(number)
            assignments[number] = Assignment(
                AssignmentId(number),
                DealId(view.deal),
                view.units,
                view.price,
                view.start,
                view.next,
                state,
                view.alive,
                view.end_of,
                view.next if state in (State.METERED, State.CLOSED) else 0,
            )
        deal_ids = sorted({fact.deal for fact in facts.assignments.values()})
        deals = {
            number: self._deal(number, view)
            for number, view in zip(deal_ids, self._lens.deals(deal_ids, block=block), strict=True)
            if view.status != OnchainDealState.NONE and facts.deals[number].apps
        }
        return ChainView(
            peer=facts.peer,
            head=head,
            epoch=epoch,
            units=peer.units,
            memory_mib=peer.memory_mib,
            provider=peer.provider,
            wallet=peer.wallet,
            assignments={n: a for n, a in assignments.items() if a.deal in deals},
            deals=deals,
            epoch_blocks=self._count_blocks(epoch),
            spans={
                number: OpenSpan(
                    fact.deal, fact.opened.time, None if fact.closed is None else fact.closed.time
                )
                for number, fact in facts.assignments.items()
                if fact.opened is not None
            },
            asks=tuple(
                OpenAsk(case, ask.assignment, ask.epoch, ask.sequence, ask.opened.time)
                for case, ask in sorted(facts.asks.items())
                if ask.closed is None
            ),
            trials=facts.trials.find_open(facts.peer, facts.assignments),
            committed=frozenset(facts.commits),
        )

    def _count_blocks(self, epoch: int) -> int:
        """Return how many blocks of an epoch there are, as far as they were seen."""
        tail, start = self._facts.tail, self._deployment.start_of(Epoch(epoch))
        first = next(ref.number for ref in tail if ref.timestamp >= start)
        return tail[-1].number - first + 1

    def _deal(self, number: int, view: OnchainDeal) -> Deal:
        fact = self._facts.deals[number]
        others = (self._facts.peers.get(peer) for peer in fact.peers if peer != self._facts.peer)
        return Deal(
            id=DealId(number),
            developer=fact.developer,
            app=fact.apps[-1][1],
            balance=view.balance,
            rate=view.rate,
            end=view.end,
            status=OnchainDealState(view.status),
            runway=view.runway,
            last_funded=view.last_funded,
            meter=fact.meter,
            offer=fact.offer,
            endpoints=tuple(other.endpoint for other in others if other is not None),
        )

    def _publish(self, chain_view: ChainView) -> None:
        for subscriber in self._subscribers:
            subscriber(chain_view)

    def _new_facts(self, peer: int = 0) -> Facts:
        return Facts(self._deployment.chain_id, self._deployment.market, peer, FORMAT)

    def _load(self) -> Saved:
        fresh = Saved(self._new_facts(), None)
        saved = read_saved(self._path)
        if saved is None:
            return fresh
        here = (self._deployment.chain_id, self._deployment.market)
        if (saved.facts.chain_id, saved.facts.market) != here:
            return fresh
        if saved.facts.format != FORMAT:
            # What an older version did not keep is read again; until then the view holds.
            return Saved(self._new_facts(), saved.chain_view)
        return saved

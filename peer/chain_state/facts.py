"""Keep what only events tell: which assignments are ours, each deal's app, other peers' endpoints.

Everything else is read from the contracts. Facts carry the block that told them, so that a
rollback can take them back; endpoints are hints for finding content and stay.
"""

from dataclasses import dataclass, field, replace

from peer.chain_state.trials import TrialFacts
from wasmarket.chain.reading.blocks import Block, BlockRef, Rollback, Update
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.events.audits import CaseKind
from wasmarket.kernel.units import Address, Hash

FORMAT = 4
"""Of what is kept; facts of an older one are read from the chain again."""
DEPTH = 64
"""Blocks that may still be undone."""
KEPT_COMMITS = 64
"""Epochs of which commitments are remembered; no window is as long."""


@dataclass(slots=True)
class PeerFact:
    """A registered peer."""

    key: Hash
    wallet: Address
    provider: Address
    units: int
    memory_mib: int
    endpoint: str
    block: int


@dataclass(slots=True)
class DealFact:
    """A deal; `apps` are its versions as (block, app), newest last; `assignments` names the peer
    of each assignment that it ever had; `meter` signs its usage; `offer` is what it came of.
    """

    developer: Address
    block: int
    apps: list[tuple[int, Hash]]
    peers: list[int] = field(default_factory=list)
    assignments: dict[int, int] = field(default_factory=dict)
    meter: Address = ZERO_ADDRESS
    offer: Hash | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """Where on the chain something happened; `time` in chain seconds."""

    block: int
    time: int


@dataclass(frozen=True, slots=True)
class AssignmentFact:
    """An assignment to this peer; `opened` by its activation, `closed` by its end."""

    deal: int
    units: int
    price: int
    block: int
    opened: Moment | None = None
    closed: Moment | None = None


@dataclass(frozen=True, slots=True)
class AskFact:
    """A question about a receipt of this peer; `closed` once it is over."""

    assignment: int
    epoch: int
    sequence: int
    opened: Moment
    closed: Moment | None = None


@dataclass(slots=True)
class Facts:
    """All that was learnt up to the last block of `tail` about `peer` (0: not known yet)."""

    chain_id: int
    market: Address
    peer: int = 0
    format: int = 0
    tail: list[BlockRef] = field(default_factory=list)
    peers: dict[int, PeerFact] = field(default_factory=dict)
    deals: dict[int, DealFact] = field(default_factory=dict)
    assignments: dict[int, AssignmentFact] = field(default_factory=dict)
    cleared: dict[int, int] = field(default_factory=dict)
    """Assignments of ours that the chain no longer holds, and the block where that was seen."""
    asks: dict[int, AskFact] = field(default_factory=dict)
    """By case."""
    trials: TrialFacts = field(default_factory=TrialFacts)
    commits: dict[int, int] = field(default_factory=dict)
    """Of this peer: by epoch the block in which its root came."""

    def mark_cleared(self, assignment: int, block: int, needed_since: int) -> None:
        """Note that the chain holds nothing of it any more.

        It is forgotten once that is deep, and its end before the chain second `needed_since`: the
        root of the epoch in which it ended has to name it.
        """
        since = self.cleared.setdefault(assignment, block)
        fact = self.assignments.get(assignment)
        ended = None if fact is None else fact.closed
        if block - since >= DEPTH and (ended is None or ended.time < needed_since):
            del self.cleared[assignment]
            self.assignments.pop(assignment, None)

    def mark_held(self, assignment: int) -> None:
        """Note that the chain holds it (again, after a reorg)."""
        self.cleared.pop(assignment, None)

    def find_peer(self, key: Hash, wallet: Address) -> int:
        """Return the first peer registered under `key` that acts through `wallet`, 0 if none.

        Anybody can register anybody's public key, so the key alone says nothing.
        """
        found = (i for i, fact in self.peers.items() if (fact.key, fact.wallet) == (key, wallet))
        return min(found, default=0)


def apply_update(facts: Facts, update: Update) -> bool:
    """Apply a block or a rollback; return whether it may concern us."""
    if isinstance(update, Rollback):
        _undo(facts, update.to)
        return True
    concerned = False
    if update.logs:
        ours = {fact.deal for fact in facts.assignments.values()}
        for log in update.logs:
            _apply(facts, log.event, Moment(update.ref.number, update.ref.timestamp), ours)
            concerned |= _concerns(facts, log.event, ours)
            # Jurors are anybody's: which cases are theirs is known by the draw.
            ref = update.ref
            concerned |= facts.trials.apply(log.event, ref.number, ref.timestamp, log.tx_hash)
    _extend_tail(facts, update)
    return concerned


def _concerns(facts: Facts, event: events.Event, ours: set[int]) -> bool:
    """Say whether an event may change what the chain says of this peer, its deals or their pay."""
    return (
        getattr(event, "peer", 0) == facts.peer
        or getattr(event, "deal", 0) in ours
        or getattr(event, "assignment", 0) in facts.assignments
        or (
            isinstance(event, events.PeerEndpoint)
            and any(event.peer in facts.deals[deal].peers for deal in ours)
        )
    )


def _apply(facts: Facts, event: events.Event, at: Moment, ours: set[int]) -> None:
    block = at.block
    match event:
        case events.PeerRegistered():
            facts.peers[event.peer] = PeerFact(
                event.key,
                event.wallet,
                event.provider,
                event.units,
                event.memory_mib,
                event.endpoint,
                block,
            )
        case events.PeerUnits() | events.PeerWallet() | events.PeerEndpoint():
            if event.peer in facts.peers:
                _change_peer(facts.peers[event.peer], event)
        case events.DealCreated():
            known = facts.deals.get(event.deal) or DealFact(event.developer, block, [])
            facts.deals[event.deal] = DealFact(
                event.developer,
                block,
                [(block, event.app)],
                known.peers,
                known.assignments,
                event.meter,
                event.offer,
            )
        case events.Assigned():
            _assign(facts, event, block, ours)
        case events.AppChanged():
            if event.deal in facts.deals:
                facts.deals[event.deal].apps.append((block, event.app))
        case events.Activated() | events.Ended():
            _follow_life(facts, event, at)
        case events.Opened() | events.Closed():
            _follow_ask(facts, event, at)
        case events.Committed() if event.peer == facts.peer:
            facts.commits[event.epoch] = block
            for epoch in [known for known in facts.commits if known <= event.epoch - KEPT_COMMITS]:
                del facts.commits[epoch]


def _follow_life(facts: Facts, event: events.Activated | events.Ended, at: Moment) -> None:
    fact = facts.assignments.get(event.assignment)
    if fact is None:
        return
    changed = (
        replace(fact, opened=at)
        if isinstance(event, events.Activated)
        else replace(fact, closed=at)
    )
    facts.assignments[event.assignment] = changed


def _follow_ask(facts: Facts, event: events.Opened | events.Closed, at: Moment) -> None:
    if isinstance(event, events.Closed):
        if event.case in facts.asks:
            facts.asks[event.case] = replace(facts.asks[event.case], closed=at)
    elif event.kind == CaseKind.ASK and event.assignment in facts.assignments:
        facts.asks[event.case] = AskFact(event.assignment, event.epoch, event.sequence, at)
    oldest = at.block - DEPTH
    facts.asks = {
        case: ask
        for case, ask in facts.asks.items()
        if ask.closed is None or ask.closed.block > oldest
    }


def _assign(facts: Facts, event: events.Assigned, block: int, ours: set[int]) -> None:
    # The first match logs its assignments before the deal that they make.
    deal = facts.deals.setdefault(event.deal, DealFact(ZERO_ADDRESS, block, []))
    if event.peer not in deal.peers:
        deal.peers.append(event.peer)
    deal.assignments[event.assignment] = event.peer
    if event.peer == facts.peer:
        ours.add(event.deal)
        facts.assignments[event.assignment] = AssignmentFact(
            event.deal, event.units, event.price, block
        )


def _change_peer(fact: PeerFact, event: events.Event) -> None:
    match event:
        case events.PeerUnits():
            fact.units = event.units
        case events.PeerWallet():
            fact.wallet = event.wallet
        case events.PeerEndpoint():
            fact.endpoint = event.endpoint


def _extend_tail(facts: Facts, block: Block) -> None:
    facts.tail.append(block.ref)
    del facts.tail[:-DEPTH]


def _undo(facts: Facts, to: BlockRef) -> None:
    facts.tail = [ref for ref in facts.tail if ref.number <= to.number]
    facts.peers = {i: fact for i, fact in facts.peers.items() if fact.block <= to.number}
    facts.deals = {i: fact for i, fact in facts.deals.items() if fact.block <= to.number}
    facts.assignments = {
        i: replace(fact, opened=_kept(fact.opened, to), closed=_kept(fact.closed, to))
        for i, fact in facts.assignments.items()
        if fact.block <= to.number
    }
    facts.asks = {
        case: replace(ask, closed=_kept(ask.closed, to))
        for case, ask in facts.asks.items()
        if ask.opened.block <= to.number
    }
    facts.trials.undo(to.number)
    facts.commits = {e: block for e, block in facts.commits.items() if block <= to.number}
    facts.cleared = {i: block for i, block in facts.cleared.items() if block <= to.number}
    for fact in facts.deals.values():
        fact.apps = [(block, app) for block, app in fact.apps if block <= to.number]


def _kept(moment: Moment | None, to: BlockRef) -> Moment | None:
    """Return what a rollback leaves of a moment."""
    return moment if moment is not None and moment.block <= to.number else None

"""Keep what only events tell: which assignments are ours, each deal's app, other peers' endpoints.

Everything else is read from the contracts. Facts carry the block that told them, so that a
rollback can take them back; endpoints are hints for finding content and stay.
"""

from dataclasses import dataclass, field

from wasmarket.chain.reading.blocks import Block, BlockRef, Rollback, Update
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.units import Address, Hash

FORMAT = 1
"""Of what is kept; facts of an older one are read from the chain again."""
DEPTH = 64
"""Blocks that may still be undone."""


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
    of each assignment that it ever had.
    """

    developer: Address
    block: int
    apps: list[tuple[int, Hash]]
    peers: list[int] = field(default_factory=list)
    assignments: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssignmentFact:
    """An assignment to this peer."""

    deal: int
    units: int
    price: int
    block: int


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

    def mark_cleared(self, assignment: int, block: int) -> None:
        """Note that the chain holds nothing of it any more; forget it once that is deep."""
        since = self.cleared.setdefault(assignment, block)
        if block - since >= DEPTH:
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
            _apply(facts, log.event, update.ref.number, ours)
            concerned |= _concerns(facts, log.event, ours)
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


def _apply(facts: Facts, event: events.Event, block: int, ours: set[int]) -> None:
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
                event.developer, block, [(block, event.app)], known.peers, known.assignments
            )
        case events.Assigned():
            _assign(facts, event, block, ours)
        case events.AppChanged():
            if event.deal in facts.deals:
                facts.deals[event.deal].apps.append((block, event.app))


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
        i: fact for i, fact in facts.assignments.items() if fact.block <= to.number
    }
    facts.cleared = {i: block for i, block in facts.cleared.items() if block <= to.number}
    for fact in facts.deals.values():
        fact.apps = [(block, app) for block, app in fact.apps if block <= to.number]

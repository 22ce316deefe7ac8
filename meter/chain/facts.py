"""Keep what events tell of deals, their assignments, the peers' places and roots. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from wasmarket.chain.reading.blocks import Block, BlockRef
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, raw
from wasmarket.kernel.audits.times import RING_EPOCHS
from wasmarket.kernel.events.audits import CaseKind, CaseState
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.units import Address, Hash

KEPT_EPOCHS = 2 * RING_EPOCHS


@dataclass(frozen=True, slots=True)
class PeerPlace:
    """Where a peer is reached, and who signs for it: its wallet, and those that it had.

    `retired`: the last epoch in which an address was its wallet.
    """

    endpoint: str
    wallet: Address
    retired: Mapping[Address, int] = field(default_factory=dict)

    def signs(self, address: Address, epoch: int) -> bool:
        """Say whether the chain takes what an address signed for an epoch (CONTRACTS 18)."""
        return address == self.wallet or self.retired.get(address, -1) >= epoch


@dataclass(frozen=True, slots=True)
class KnownDeal:
    """A deal and the offer it came of; `meter` signs its usage, ZERO_ADDRESS in a reserved one."""

    developer: Address
    meter: Address
    offer: Hash


@dataclass(frozen=True, slots=True)
class KnownAssignment:
    """An assignment; epochs from its activation to its end, None while that has not come."""

    id: int
    deal: int
    peer: int
    units: int
    price: int
    opened: int | None = None
    end: int | None = None
    is_convicted: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a receipt, whoever asked; `since` in chain seconds."""

    assignment: int
    epoch: int
    since: int


@dataclass(frozen=True, slots=True)
class Accused:
    """An accusation; `since` when its phase began, in chain seconds."""

    assignment: int
    state: CaseState
    since: int


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """How a case began, whatever became of it."""

    kind: CaseKind
    by: Address
    assignment: int
    epoch: int
    sequence: int


@dataclass(slots=True)
class ChainFacts:
    """All that was learnt up to the block `head`."""

    epoch_seconds: int
    head: BlockRef | None = None
    tail: list[BlockRef] = field(default_factory=list)
    deals: dict[int, KnownDeal] = field(default_factory=dict)
    assignments: dict[int, KnownAssignment] = field(default_factory=dict)
    peers: dict[int, PeerPlace] = field(default_factory=dict)
    roots: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """By peer and epoch; None of epochs that nobody can ask about any more."""
    asks: dict[int, Asked] = field(default_factory=dict)
    """Questions that are open, by case."""
    trials: dict[int, Accused] = field(default_factory=dict)
    """Accusations that are open, by case."""
    opened: dict[int, OpenedCase] = field(default_factory=dict)
    """All cases ever, whoever opened them."""
    closed: dict[int, int] = field(default_factory=dict)
    """Outcomes of the cases that are over."""

    @property
    def epoch(self) -> int:
        """Return the epoch of the newest block, -1 before the first."""
        return -1 if self.head is None else self.head.timestamp // self.epoch_seconds

    def apply(self, block: Block, depth: int = 64) -> None:
        """Take a block."""
        for log in block.logs:
            self._take(log.event, block.ref.timestamp)
        self.head = block.ref
        self.tail.append(block.ref)
        del self.tail[:-depth]
        oldest = self.epoch - KEPT_EPOCHS
        for key in [key for key in self.roots if key[1] < oldest]:
            del self.roots[key]

    def _take(self, event: events.Event, time: int) -> None:
        match event:
            case events.PeerRegistered():
                self.peers[event.peer] = PeerPlace(event.endpoint, event.wallet)
            case events.PeerEndpoint():
                self.peers[event.peer] = replace(self.peers[event.peer], endpoint=event.endpoint)
            case events.PeerWallet():
                known = self.peers[event.peer]
                retired = {**known.retired, known.wallet: time // self.epoch_seconds}
                self.peers[event.peer] = replace(known, wallet=event.wallet, retired=retired)
            case events.DealCreated():
                self.deals[event.deal] = KnownDeal(event.developer, event.meter, event.offer)
            case events.Assigned():
                self.assignments[event.assignment] = KnownAssignment(
                    event.assignment, event.deal, event.peer, event.units, event.price
                )
            case events.Activated():
                self._change(event.assignment, opened=event.epoch)
            case events.Ended():
                convicted = event.kind == EndKind.CONVICTED
                self._change(event.assignment, end=event.end, is_convicted=convicted)
            case events.Committed():
                self.roots[event.peer, event.epoch] = raw(event.root)
            case _:
                self._take_case(event, time)

    def _take_case(self, event: events.Event, time: int) -> None:
        if isinstance(event, events.Opened):
            self.opened[event.case] = OpenedCase(
                CaseKind(event.kind), event.by, event.assignment, event.epoch, event.sequence
            )
        match event:
            case events.Opened() if event.kind == CaseKind.ASK:
                self.asks[event.case] = Asked(event.assignment, event.epoch, time)
            case events.Opened():
                self.trials[event.case] = Accused(event.assignment, CaseState.OPEN, time)
            case events.Drawn():
                self._go_on(event.case, CaseState.DRAWN, time)
            case events.Phase():
                self._go_on(event.case, CaseState(event.state), time)
            case events.Closed():
                self.asks.pop(event.case, None)
                self.trials.pop(event.case, None)
                self.closed[event.case] = event.outcome

    def _go_on(self, case: int, state: CaseState, time: int) -> None:
        if case in self.trials:
            self.trials[case] = Accused(self.trials[case].assignment, state, time)

    def _change(self, assignment: int, **changes: int) -> None:
        known = self.assignments.get(assignment)
        if known is not None:
            self.assignments[assignment] = replace(known, **changes)  # type: ignore[arg-type]

    def find_metered(self, meter: Address | None) -> list[KnownAssignment]:
        """Return the assignments that ran whose usage `meter` signs; None: those of all deals."""
        return [
            held
            for held in self.assignments.values()
            if held.opened is not None
            and (deal := self.deals.get(held.deal)) is not None
            and (meter is None or deal.meter == meter != ZERO_ADDRESS)
        ]

"""What the logs of the chain say about offers, peers and deals, as of any block."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.blocks import Log, RawLog
from wasmarket.chain.reading.logs import LogReader
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.events import (
    Assigned,
    Committed,
    Ended,
    Event,
    Matched,
    OfferPublished,
    PeerRegistered,
)
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.signing.offers import DeveloperOffer, Offer, validate_terms
from wasmarket.kernel.signing.published import decode_published
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.kernel.units import Address, Hash, Timestamp

Place = tuple[int, int]
"""Block number and log index."""


@dataclass(frozen=True, slots=True)
class Publication:
    """An offer's hash that an account approved, and the bytes beside it."""

    at: Place
    account: Address
    hash: Hash
    data: bytes


@dataclass(frozen=True, slots=True)
class ObservedDeparture:
    """A peer went from a deal; `time` in seconds of the chain."""

    block: int
    time: int
    deal: int
    peer: int
    kind: int


@dataclass(frozen=True, slots=True)
class MatchOnChain:
    """A match or refill of a deal, and who sent it."""

    block: int
    tx: Hash
    deal: int
    caller: Address


@dataclass(slots=True)
class History:
    """Everything up to `last`, in the order of the chain."""

    last: int
    published: list[Publication] = field(default_factory=list)
    departures: list[ObservedDeparture] = field(default_factory=list)
    matched: list[MatchOnChain] = field(default_factory=list)
    assigned: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    committed: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    registered: dict[int, tuple[int, Address]] = field(default_factory=dict)
    registered_at: dict[int, Place] = field(default_factory=dict)
    keys: dict[int, Hash] = field(default_factory=dict)

    def is_readable(self, entry: Publication) -> bool:
        """Whether the published bytes are the offer of the published hash, by its account."""
        offer = decode_own(entry)
        if isinstance(offer, DeveloperOffer):
            return offer.developer == entry.account
        if offer is None:
            return False
        return self.registered.get(offer.peer, (0, ZERO_ADDRESS))[1] == entry.account

    def assignments(self, deal: int, block: int) -> list[int]:
        """Return the assignments that a deal ever had by a block, by id."""
        return sorted(id_ for at, id_ in self.assigned.get(deal, ()) if at <= block)

    def proven(self, peer: int, block: int) -> int:
        """Return the last epoch that a peer had committed by a block, -1 for none."""
        epochs = [epoch for at, epoch in self.committed.get(peer, ()) if at <= block]
        return max(epochs, default=-1)

    def evictions(self, block: int) -> dict[int, int]:
        """Return by peer when it was last evicted, as of a block."""
        found: dict[int, int] = {}
        for entry in self.departures:
            if entry.kind == EndKind.EVICTED and entry.block <= block:
                found[entry.peer] = max(entry.time, found.get(entry.peer, 0))
        return found


def decode_own(entry: Publication) -> Offer | None:
    """Return the offer that published bytes are, None if they are not of the published hash."""
    try:
        offer = decode_published(entry.data)
        if isinstance(offer, DeveloperOffer):
            validate_terms(offer)
    except InvalidInput:
        return None
    return offer if hash_offer(offer) == entry.hash else None


def read_history(rpc: Rpc, deployment: Deployment, last: int) -> History:
    """Read the logs of Market and Proofs up to block `last`. Raises Unreachable, RpcError."""
    decoder = Decoder(deployment)
    history = History(last)
    reader = LogReader(rpc, [deployment.market, deployment.proofs])
    for stretch in reader.scan(deployment.block, last):
        _apply(rpc, decoder, history, stretch.logs)
    return history


def _apply(rpc: Rpc, decoder: Decoder, history: History, raws: list[RawLog]) -> None:
    decoded = [decoder.decode(raw, Timestamp(0)) for raw in raws]
    logs = [log for log in decoded if log is not None]
    times = _times(rpc, {log.block_number for log in logs if isinstance(log.event, Ended)})
    for log in logs:
        _note(history, log, times)


def _times(rpc: Rpc, blocks: Iterable[int]) -> dict[int, int]:
    wanted = sorted(blocks)
    headers = rpc.fetch_headers(wanted) if wanted else []
    return {ref.number: ref.timestamp for ref in headers if ref is not None}


def _note(history: History, log: Log[Event], times: Mapping[int, int]) -> None:
    event, block = log.event, log.block_number
    if isinstance(event, OfferPublished):
        place = (block, log.log_index)
        history.published.append(Publication(place, event.account, event.hash, event.data))
    elif isinstance(event, Ended):
        departure = ObservedDeparture(
            block, times.get(block, 0), event.deal, event.peer, event.kind
        )
        history.departures.append(departure)
    elif isinstance(event, Matched):
        history.matched.append(MatchOnChain(block, log.tx_hash, event.deal, event.caller))
    elif isinstance(event, Assigned):
        history.assigned.setdefault(event.deal, []).append((block, event.assignment))
    elif isinstance(event, Committed):
        history.committed.setdefault(event.peer, []).append((block, event.epoch))
    elif isinstance(event, PeerRegistered):
        history.registered[event.peer] = (block, event.provider)
        history.registered_at[event.peer] = (block, log.log_index)
        history.keys[event.peer] = event.key

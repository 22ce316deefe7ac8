"""Turn a computed round into transactions: what Market would refuse, the calls, the records."""

from collections import ChainMap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matcher.engine.index.order_book import OrderBook
from matcher.engine.values import ENGINE, Demand, Fill, Match, Round
from matcher.offers.funding import parse_permit
from matcher.offers.signed_wishes import load_proof
from matcher.orderbook.document import BookHead, Evidence, digest_of, write_book
from matcher.orderbook.snapshot import Snapshot
from wasmarket.chain.contracts.bindings import Market, MarketLens
from wasmarket.chain.contracts.fills import NO_PERMIT, SignedFill, build_fill
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.kernel.errors import Reverted
from wasmarket.kernel.signing.signatures import NO_SIGNATURE, Signature, parse_signature
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.matching.views import MatchDraft, OpenOffer


@dataclass(frozen=True, slots=True)
class Proposal:
    """A match to send, and the record of it. `deal` is 0 for a first match."""

    match: Match
    call: ContractCall
    draft: MatchDraft

    @property
    def offer(self) -> Hash:
        """The developer offer."""
        return self.match.demand.hash

    @property
    def deal(self) -> int:
        """The deal that is refilled."""
        return self.match.demand.deal


@dataclass(frozen=True, slots=True)
class Refusals:
    """What the chain would refuse by now: asks with their reasons, and offers that moved on."""

    asks: dict[Hash, int]
    stale: frozenset[Hash]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.asks or self.stale)


def fetch_refusals(snapshot: Snapshot, lens: MarketLens, result: Round) -> Refusals:
    """Ask the chain, as it is now, about every fill of a round."""
    asks: dict[Hash, int] = {}
    stale: set[Hash] = set()
    for match in result.matches:
        current = [entry.id for entry in match.demand.live]
        questions = [
            (match.demand.offer, _fill_argument(snapshot, fill), current) for fill in match.fills
        ]
        try:
            reasons = lens.read_many("why", questions)
        except Reverted:
            stale.add(match.demand.hash)
            continue
        for fill, reason in zip(match.fills, reasons, strict=True):
            if int(reason):
                asks[fill.ask.hash] = int(reason)
    return Refusals(asks, frozenset(stale))


def build_book_document(snapshot: Snapshot, book: OrderBook, result: Round) -> list[bytes]:
    """Write the input of the round, with every signature, to be replayed by anyone; in parts."""
    at = snapshot.at
    head = BookHead(at.chain_id, Address(at.market), at.block, Hash(at.block_hash), at.timestamp)
    demands = [match.demand for match in result.matches]
    bids = {d.hash: snapshot.open[d.hash].stored.signature for d in demands}
    signatures = ChainMap(bids, snapshot.signatures)
    return write_book(
        head,
        book,
        demands,
        signatures,
        sorted(snapshot.absent),
        unreachable=sorted(snapshot.unreachable),
        evidence={d.hash: _evidence_of(d, snapshot.open[d.hash]) for d in demands},
    )


def _evidence_of(demand: Demand, entry: OpenOffer) -> Evidence:
    permit = entry.stored.permit if demand.is_first else None
    proofs = tuple(load_proof(proof) for proof in entry.proofs)
    return Evidence(permit, proofs, entry.stored.wish)


def build_proposals(
    snapshot: Snapshot, market: Market, result: Round, book: Sequence[bytes]
) -> Iterable[Proposal]:
    """Yield the matches of a round that fill something, in the order in which they were solved."""
    offers = [str(match.demand.hash) for match in result.matches]
    digest = digest_of(*book)
    for match in result.matches:
        if match.fills:
            yield Proposal(
                match=match,
                call=_build_call(snapshot, market, match),
                draft=MatchDraft(
                    engine=ENGINE,
                    block=snapshot.at.block,
                    block_hash=snapshot.at.block_hash,
                    book=digest,
                    offer=match.demand.hash,
                    offers=offers,
                    fills=[
                        {"offer": f.ask.hash, "units": f.units, "price": str(f.ask.offer.price)}
                        for f in match.fills
                    ],
                    total=match.total,
                    saving=match.surplus,
                    bound=result.bound,
                    gap_ppm=result.gap_ppm,
                    deal=match.demand.deal or None,
                ),
            )


def _build_call(snapshot: Snapshot, market: Market, match: Match) -> ContractCall:
    demand = match.demand
    stored = snapshot.open[demand.hash].stored
    return market.match(
        demand.offer,
        to_signature(stored.signature),
        [_fill_argument(snapshot, fill) for fill in match.fills],
        [entry.id for entry in demand.live],
        parse_permit(stored.permit) if demand.is_first else NO_PERMIT,
    )


def _fill_argument(snapshot: Snapshot, fill: Fill) -> SignedFill:
    signature = snapshot.signatures[fill.ask.hash]
    return build_fill(fill.ask.offer, fill.units, to_signature(signature))


def to_signature(text: str | None) -> Signature:
    """Read a stored signature; none stands for "approved on chain"."""
    return NO_SIGNATURE if text is None else parse_signature(text)

"""Check that a book left nothing out that was on chain, and that its exceptions are justified."""

from collections.abc import Mapping
from dataclasses import dataclass

from matcher.engine.values import PRICE_BELOW
from matcher.orderbook.document import BookDocument
from matcher.orderbook.snapshot import AVOID_EPOCHS
from matcher.verify.findings import Findings
from matcher.verify.history import History, decode_own
from matcher.verify.witness import Witness
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer
from wasmarket.kernel.units import Address, Hash

LOOKED_AT = 256
"""Blocks between book and match in which a refusal by the chain is looked for."""


@dataclass(frozen=True, slots=True)
class Span:
    """From the book's block to the one before the match went on chain, and who sent it."""

    first: int
    last: int
    caller: Address


def check_absent(
    document: BookDocument, witness: Witness, history: History, findings: Findings
) -> frozenset[int]:
    """Check which peers' offers the book leaves out; return those that it may leave out."""
    findings.begin("absent")
    head = document.head
    seconds = witness.deployment.parameters.epoch_seconds
    justified = frozenset(
        peer
        for peer, at in history.evictions(head.block).items()
        if at >= head.time - AVOID_EPOCHS * seconds
        and at // seconds > history.proven(peer, head.block)
    )
    for peer in sorted(justified | set(document.absent)):
        expected = "left out" if peer in justified else "in the book: not evicted, or proving again"
        found = "left out" if peer in document.absent else "in the book"
        if peer not in justified or peer not in document.absent:
            findings.compare("absent", f"peer {peer}", "absent", expected, found)
        else:
            findings.compare("absent", f"peer {peer}", "absent", True, True)
    return justified


def check_published(
    document: BookDocument,
    absent: frozenset[int],
    span: Span,
    witness: Witness,
    history: History,
    findings: Findings,
) -> None:
    """Check that every offer on chain that could fill or want something is in the book."""
    findings.begin("published")
    asks, bids = _readable(document.head.block, history)
    _check_asks(document, asks, absent, span, witness, findings)
    _check_bids(document, bids, span, witness, findings)


def _readable(
    block: int, history: History
) -> tuple[dict[Hash, ProviderOffer], dict[Hash, DeveloperOffer]]:
    """Return the offers published by a block by those who may, if their bytes are theirs."""
    asks: dict[Hash, ProviderOffer] = {}
    bids: dict[Hash, DeveloperOffer] = {}
    for entry in history.published:
        if entry.at[0] > block:
            break
        offer = decode_own(entry)
        if offer is None:
            continue
        if isinstance(offer, DeveloperOffer):
            if offer.developer == entry.account:
                bids[entry.hash] = offer
        else:
            registered, owner = history.registered.get(offer.peer, (block + 1, ZERO_ADDRESS))
            if owner == entry.account and registered <= block:
                asks[entry.hash] = offer
    return asks, bids


def _check_asks(
    document: BookDocument,
    published: Mapping[Hash, ProviderOffer],
    absent: frozenset[int],
    span: Span,
    witness: Witness,
    findings: Findings,
) -> None:
    for hash_, offer in published.items():
        where = f"published ask {hash_}"
        if offer.kind != document.book.kind:
            continue
        if document.book.get_ask(hash_) is not None:
            findings.compare("published", where, "book", "listed", "listed")
        elif offer.peer in document.unreachable:
            findings.note(
                f"{where}: passed over, because peer {offer.peer} did not answer at its endpoint,"
                " as the matcher alone can know"
            )
        elif offer.peer not in absent and _could_fill(hash_, offer, document.head.block, witness):
            later = range(span.first + 1, min(span.last, span.first + LOOKED_AT) + 1)
            if all(_could_fill(hash_, offer, block, witness) for block in later):
                findings.compare("published", where, "book", "listed", "missing")
            else:
                findings.note(f"{where}: could fill nothing any more when the match was sent")


def _could_fill(hash_: Hash, offer: ProviderOffer, block: int, witness: Witness) -> bool:
    """Whether the chain would have let the offer fill something at a block."""
    peer = witness.peers([offer.peer], block).get(offer.peer)
    if peer is None or not peer.free or not 0 < offer.price < PRICE_BELOW:
        return False
    [word] = witness.offers([(peer.provider, hash_)], block).values()
    [account] = witness.accounts([peer.provider], block).values()
    return (
        bool(word.approved)
        and not word.cancelled
        and account.counter == offer.counter
        and offer.valid_until >= witness.header(block).timestamp
    )


def _check_bids(
    document: BookDocument,
    published: Mapping[Hash, DeveloperOffer],
    span: Span,
    witness: Witness,
    findings: Findings,
) -> None:
    listed = {demand.hash for demand in document.demands}
    for hash_, offer in published.items():
        where = f"published demand {hash_}"
        if offer.kind != document.book.kind:
            continue
        if hash_ in listed:
            findings.compare("published", where, "book", "listed", "listed")
        elif all(_wants(hash_, offer, block, span, witness) for block in (span.first, span.last)):
            if _is_funded(published, offer, span, witness):
                findings.compare("published", where, "book", "listed", "missing")
            else:
                findings.note(f"{where}: not in the round, and its money is short")


def _wants(hash_: Hash, offer: DeveloperOffer, block: int, span: Span, witness: Witness) -> bool:
    """Whether a first match was possible at a block; refills are their matcher's own affair."""
    [word] = witness.offers([(offer.developer, hash_)], block).values()
    [account] = witness.accounts([offer.developer], block).values()
    return (
        offer.matcher in (ZERO_ADDRESS, span.caller)
        and offer.max_price > 0
        and bool(word.approved)
        and not word.cancelled
        and not word.deal
        and account.counter == offer.counter
        and offer.valid_until >= witness.header(block).timestamp
    )


def _is_funded(
    published: Mapping[Hash, DeveloperOffer],
    offer: DeveloperOffer,
    span: Span,
    witness: Witness,
) -> bool:
    """Whether the developer could pay for all it has published, all the time."""
    owed = sum(o.deposit + o.tip for o in published.values() if o.developer == offer.developer)
    return all(witness.purse(offer.developer, block) >= owed for block in {span.first, span.last})

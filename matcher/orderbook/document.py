"""The exact input of a round as one document, and the replay of a round from it.

Canonical JSON (sorted keys, no spaces); its SHA-256 is the book's name in match records.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matcher.engine.auction.match import match_round
from matcher.engine.index.order_book import OrderBook
from matcher.engine.values import ENGINE, Ask, Demand, Live, Peer, Round
from matcher.offers.funding import parse_permit
from matcher.offers.signed_wishes import dump_proof, load_proof
from matcher.orderbook.facts_json import dump_facts, load_facts
from matcher.orderbook.part_writer import PartWriter
from wasmarket.kernel.addresses import parse_address, parse_hash, to_hash
from wasmarket.kernel.errors import BadContent, MarketError
from wasmarket.kernel.selection.wishes import (
    NO_WISH,
    SignedWish,
    Wish,
    dump_signed_wish,
    load_signed_wish,
)
from wasmarket.kernel.signing.offers import (
    DeveloperOffer,
    PriceKind,
    ProviderOffer,
    dump_offer,
    parse_offer,
    parse_uint,
)
from wasmarket.kernel.signing.requests import SignedRequest
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.kernel.units import Address, Hash

VERSION = 2
ASKS_IN_PART = 64
PEERS_IN_PART = 100
LAST_OF_PART = "00"
"""How an account ends behind which a part does: one in 256."""
NUMBER_BELOW = 2**63


@dataclass(frozen=True, slots=True)
class BookHead:
    """Which block of which market a book is of; `time` is the block's, in seconds."""

    chain_id: int
    market: Address
    block: int
    block_hash: Hash
    time: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows that a developer offer may be in the round as it is.

    `permit` is the one that was sent with it, as JSON; `proofs` are the signed requests that hold
    units back or ask for replacements; `wish` is what its developer signed beside it.
    """

    permit: Mapping[str, Any] | None = None
    proofs: tuple[SignedRequest, ...] = ()
    wish: SignedWish | None = None


NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True)
class BookDocument:
    """A book that was read back. `signatures` by offer hash; None: approved on chain."""

    head: BookHead
    engine: str
    book: OrderBook
    demands: tuple[Demand, ...]
    signatures: dict[Hash, str | None]
    absent: tuple[int, ...]
    unreachable: tuple[int, ...] = ()
    evidence: Mapping[Hash, Evidence] = field(default_factory=dict)


def dump_book(
    head: BookHead,
    book: OrderBook,
    demands: Sequence[Demand],
    signatures: Mapping[Hash, str | None],
    absent: Sequence[int] = (),
    *,
    unreachable: Sequence[int] = (),
    evidence: Mapping[Hash, Evidence] | None = None,
) -> bytes:
    """Return what `write_book` writes, in one piece."""
    parts = write_book(
        head, book, demands, signatures, absent, unreachable=unreachable, evidence=evidence
    )
    return b"".join(parts)


def write_book(
    head: BookHead,
    book: OrderBook,
    demands: Sequence[Demand],
    signatures: Mapping[Hash, str | None],
    absent: Sequence[int] = (),
    *,
    unreachable: Sequence[int] = (),
    evidence: Mapping[Hash, Evidence] | None = None,
) -> list[bytes]:
    """Write the input of a round; equal inputs give equal bytes, in equal parts.

    A part ends behind the offers, peers and accounts whose own numbers say so, so that between two
    rounds only the parts around what changed are different.

    `absent` names the peers whose asks were left out because they were evicted and have proved
    nothing since, `unreachable` those whose endpoint does not answer with their key. `evidence` is
    by developer offer.
    """
    named = {entry.peer for demand in demands for entry in demand.live}
    text = PartWriter()
    text.write(b'{"absent":%b,"asks":[' % _write(sorted(absent)))
    comma = b""
    for ask in book.asks():
        named.add(ask.offer.peer)
        text.write(comma + _write_ask(ask, signatures.get(ask.hash)))
        comma = b","
        if ask.sequence % ASKS_IN_PART == 0:
            text.end_part()
    text.end_part()
    peers = [peer for peer in book.peers() if peer.id in named]
    text.write(
        b'],"block":%b,"block_hash":%b,"chain_id":%b,"counters":{'
        % (_write(head.block), _write(head.block_hash), _write(head.chain_id))
    )
    text.end_part()
    comma = b""
    for account in sorted({peer.provider for peer in peers}):
        counter = str(book.get_counter(account))
        text.write(b"%b%b:%b" % (comma, _write(account), _write(counter)))
        comma = b","
        if account.endswith(LAST_OF_PART):
            text.end_part()
    text.end_part()
    written = [
        _dump_demand(
            demand,
            signatures.get(demand.hash),
            (evidence or {}).get(demand.hash, NO_EVIDENCE),
        )
        for demand in sorted(demands, key=lambda d: (d.sequence, d.hash))
    ]
    text.write(
        b'},"demands":%b,"engine":%b,"kind":%b,"market":%b,"peers":['
        % (_write(written), _write(ENGINE), _write(int(book.kind)), _write(head.market))
    )
    text.end_part()
    comma = b""
    for peer in peers:
        text.write(comma + _write_peer(peer))
        comma = b","
        if peer.id % PEERS_IN_PART == 0:
            text.end_part()
    text.end_part()
    text.write(b"]")
    if any(demand.wish.limits_peers for demand in demands):
        _write_facts(text, book, named, [demand.wish for demand in demands])
    text.write(b',"time":%b' % _write(head.time))
    if unreachable:
        text.write(b',"unreachable":%b' % _write(sorted(unreachable)))
    text.write(b',"version":%b}' % _write(VERSION))
    return text.finish()


def _write(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _write_ask(ask: Ask, signature: str | None) -> bytes:
    """Write an ask as `_write` would, quicker: there may be a million."""
    offer = ask.offer
    return (
        f'{{"offer":{{"counter":"{offer.counter}","developer":"{offer.developer}"'
        f',"kind":"{int(offer.kind)}","peer":"{offer.peer}","price":"{offer.price}","salt":"{offer.salt}"'
        f',"valid_until":"{offer.valid_until}"}},"sequence":{ask.sequence}'
        f',"signature":{json.dumps(signature)}}}'
    ).encode()


def _write_peer(peer: Peer) -> bytes:
    """Write a peer as `_write` would, quicker."""
    return (
        f'{{"id":{peer.id},"memory_mib":{peer.memory_mib},"provider":"{peer.provider}"'
        f',"region":{peer.region},"traits":"{peer.traits}","units":{peer.units}'
        f',"used":{peer.used}}}'
    ).encode()


def _write_facts(
    text: PartWriter, book: OrderBook, named: set[int], wishes: Sequence[Wish]
) -> None:
    """Write what is known of the peers that are named, for those whose wish asks for it."""
    asks_history = any(wish.goes_by_history for wish in wishes)
    gateways = {wish.gateway for wish in wishes if wish.max_latency_ms}
    text.end_part()
    comma = b',"facts":['
    for peer, known in book.storage.facts.items():
        if peer not in named:
            continue
        told = dump_facts(peer, known, with_history=asks_history, gateways=gateways)
        if asks_history or len(told) > 1:
            text.write(comma + _write(told))
            comma = b","
            if peer % PEERS_IN_PART == 0:
                text.end_part()
    text.write(b"]" if comma == b"," else b',"facts":[]')
    text.end_part()


def digest_of(*parts: bytes) -> Hash:
    """Return the name of a book document, given in one piece or in parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return to_hash(digest.digest())


def load_book(content: bytes) -> BookDocument:
    """Read a book document. Raises BadContent."""
    try:
        document = json.loads(content)
        if document["version"] != VERSION:
            raise BadContent(f"book version {document['version']} is not known")
        return _load(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, MarketError) as error:
        raise BadContent(f"this is not a book document: {str(error)[:300]}") from error


def replay(document: BookDocument) -> Round:
    """Compute the round again from its book."""
    return match_round(document.demands, document.book)


def _dump_demand(demand: Demand, signature: str | None, evidence: Evidence) -> dict[str, Any]:
    wishes: dict[str, Any] = {"hold": demand.hold} if demand.hold else {}
    if demand.replacing:
        wishes["replacing"] = sorted(demand.replacing)
    if evidence.permit is not None:
        wishes["permit"] = dict(evidence.permit)
    if evidence.wish is not None:
        wishes["wish"] = dump_signed_wish(evidence.wish)
        wishes["epoch_seconds"] = demand.epoch_seconds
    if evidence.proofs:
        wishes["proofs"] = [dump_proof(proof) for proof in evidence.proofs]
    return wishes | {
        "offer": dump_offer(demand.offer),
        "signature": signature,
        "sequence": demand.sequence,
        "deal": demand.deal,
        "balance": str(demand.balance),
        "avoid": sorted(demand.avoid),
        "live": [
            {"id": e.id, "peer": e.peer, "units": e.units, "price": str(e.price)}
            for e in demand.live
        ],
    }


def _load(document: Mapping[str, Any]) -> BookDocument:
    signatures: dict[Hash, str | None] = {}
    book = OrderBook.load(
        _number(document["time"]),
        map(_load_peer, document["peers"]),
        {
            parse_address(account): parse_uint(counter, field="counters")
            for account, counter in document["counters"].items()
        },
        (_load_ask(entry, signatures) for entry in document["asks"]),
        PriceKind(_number(document["kind"])),
    )
    book.storage.facts.put(load_facts(document.get("facts", ())))
    demands, evidence = [], {}
    for entry in document["demands"]:
        demand = _load_demand(entry)
        if demand.kind != book.kind:
            raise BadContent("a demand is of another kind than the book")
        signatures[demand.hash] = _text(entry["signature"])
        evidence[demand.hash] = _load_evidence(entry)
        demands.append(demand)
    head = BookHead(
        _number(document["chain_id"]),
        parse_address(document["market"]),
        _number(document["block"]),
        parse_hash(document["block_hash"]),
        _number(document["time"]),
    )
    return BookDocument(
        head,
        str(document["engine"]),
        book,
        tuple(demands),
        signatures,
        absent=tuple(_number(peer) for peer in document["absent"]),
        unreachable=tuple(_number(peer) for peer in document.get("unreachable", ())),
        evidence=evidence,
    )


def _load_peer(entry: Mapping[str, Any]) -> Peer:
    return Peer(
        id=_number(entry["id"]),
        provider=parse_address(entry["provider"]),
        units=_number(entry["units"]),
        used=_number(entry["used"]),
        memory_mib=_number(entry["memory_mib"]),
        region=_number(entry["region"]),
        traits=parse_uint(entry["traits"], field="traits"),
    )


def _load_ask(entry: Mapping[str, Any], signatures: dict[Hash, str | None]) -> Ask:
    """Read an ask; its signature goes to `signatures`."""
    offer = parse_offer(ProviderOffer, entry["offer"])
    name = hash_offer(offer)
    signatures[name] = _text(entry["signature"])
    return Ask(name, offer, _number(entry["sequence"]))


def _load_demand(entry: Mapping[str, Any]) -> Demand:
    offer = parse_offer(DeveloperOffer, entry["offer"])
    live = tuple(
        Live(
            _number(e["id"]),
            _number(e["peer"]),
            _number(e["units"]),
            parse_uint(e["price"], field="price"),
        )
        for e in entry["live"]
    )
    wish = entry.get("wish")
    return Demand(
        hash=hash_offer(offer),
        offer=offer,
        sequence=_number(entry["sequence"]),
        balance=parse_uint(entry["balance"], field="balance"),
        deal=_number(entry["deal"]),
        live=live,
        avoid=frozenset(_number(peer) for peer in entry["avoid"]),
        hold=_number(entry.get("hold", 0)),
        replacing=frozenset(_number(id_) for id_ in entry.get("replacing", ())),
        wish=NO_WISH if wish is None else load_signed_wish(wish).wish,
        epoch_seconds=0 if wish is None else _number(entry["epoch_seconds"]),
    )


def _load_evidence(entry: Mapping[str, Any]) -> Evidence:
    permit = entry.get("permit")
    if permit is not None:
        parse_permit(permit)
    wish = entry.get("wish")
    return Evidence(
        permit,
        tuple(load_proof(proof) for proof in entry.get("proofs", ())),
        None if wish is None else load_signed_wish(wish),
    )


def _number(value: object) -> int:
    """Return a whole number that is one in JSON: strangers write books too."""
    if type(value) is not int or not 0 <= value < NUMBER_BELOW:
        raise BadContent(f"{value!r} is not a number of a book")
    return value


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadContent("a signature is a text or null")
    return value

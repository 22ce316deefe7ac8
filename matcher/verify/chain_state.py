"""Compare a book's block, peers, counters and provider offers with the chain."""

from dataclasses import fields

from matcher.engine.values import Peer
from matcher.orderbook.document import BookDocument
from matcher.verify.findings import Findings
from matcher.verify.witness import Witness
from wasmarket.kernel.errors import InvalidSignature
from wasmarket.kernel.signing.offers import Offer
from wasmarket.kernel.signing.signatures import parse_signature, recover
from wasmarket.kernel.signing.typed_data import digest, hash_offer
from wasmarket.kernel.units import Address, Hash

NOBODY = "nobody"


def check_block(document: BookDocument, witness: Witness, findings: Findings) -> None:
    """Compare market, hash and time of the book's block. Raises NotFound for a block to come."""
    head = document.head
    header = witness.header(head.block)
    where = f"block {head.block}"
    findings.compare("block", "book", "chain_id", witness.deployment.chain_id, head.chain_id)
    findings.compare("block", "book", "market", witness.deployment.market, head.market)
    findings.compare("block", where, "block_hash", header.hash, head.block_hash)
    findings.compare("block", where, "time", header.timestamp, head.time)


def check_peers(document: BookDocument, witness: Witness, findings: Findings) -> dict[int, Peer]:
    """Compare every word of the book's peers; return them as the chain has them."""
    block = document.head.block
    listed = {peer.id: peer for peer in document.book.peers()}
    asked = {ask.offer.peer for ask in document.book.asks()}
    live = {entry.peer for demand in document.demands for entry in demand.live}
    known = witness.peers(sorted(listed.keys() | asked | live), block)
    for id_ in sorted(listed.keys() | asked | live):
        where = f"peer {id_}"
        if id_ not in known:
            findings.compare("peers", where, "id", "no such peer on chain", "listed")
        elif id_ not in listed:
            # Without its peer an offer fills nothing: leaving one out hides the other.
            findings.compare("peers", where, "id", "listed beside its offers", "not listed")
        else:
            for member in fields(Peer):
                expected = getattr(known[id_], member.name)
                found = getattr(listed[id_], member.name)
                findings.compare("peers", where, member.name, expected, found)
    providers = sorted({peer.provider for peer in known.values()})
    counters = witness.accounts(providers, block)
    for provider in providers:
        found = document.book.get_counter(provider)
        findings.compare("peers", provider, "counter", counters[provider].counter, found)
    return known


def check_asks(
    document: BookDocument, peers: dict[int, Peer], witness: Witness, findings: Findings
) -> None:
    """Check that every provider offer of the book holds; `peers` are the chain's."""
    findings.begin("asks")
    asks = [ask for ask in document.book.asks() if ask.offer.peer in peers]
    owners = {ask.hash: peers[ask.offer.peer].provider for ask in asks}
    keys = [(owners[ask.hash], ask.hash) for ask in asks]
    words = witness.offers(keys, document.head.block)
    for ask, key in zip(asks, keys, strict=True):
        where = f"ask {ask.hash}"
        word = words[key]
        check_holding(
            where,
            ask.offer,
            key[0],
            document.signatures[ask.hash],
            bool(word.approved),
            witness,
            findings,
            check="asks",
        )
        findings.compare("asks", where, "cancelled", False, bool(word.cancelled))
        counter = document.book.get_counter(key[0])
        findings.compare("asks", where, "counter", counter, ask.offer.counter)
        if ask.offer.valid_until < document.head.time:
            expected = f"at least {document.head.time}"
            findings.compare("asks", where, "valid_until", expected, ask.offer.valid_until)


def check_holding(
    where: str,
    offer: Offer,
    account: Address,
    signature: str | None,
    approved: bool,
    witness: Witness,
    findings: Findings,
    *,
    check: str,
) -> None:
    """Check that an account signed an offer, or approved its hash on chain."""
    if approved:
        findings.compare(check, where, "approval", True, approved)
    elif signature is None:
        findings.compare(check, where, "approval", f"by {account} on chain", "none")
    else:
        findings.compare(
            check, where, "signature", f"by {account}", f"by {_signer(witness, offer, signature)}"
        )


def _signer(witness: Witness, offer: Offer, signature: str) -> Address | str:
    try:
        hashed = Hash(hash_offer(offer))
        return recover(digest(witness.domain, hashed), parse_signature(signature))
    except InvalidSignature:
        return NOBODY

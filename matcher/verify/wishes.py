"""Check the wishes of a book: who signed them, and what is known of the peers that they go by.

A document that the matcher never fetched, or left out, nobody can miss from here; one that it shows
was signed by the peer's key as the chain has it. What the chain's history says is counted again.
"""

from matcher.engine.facts import PeerFacts
from matcher.orderbook.document import NO_EVIDENCE, BookDocument
from matcher.verify.findings import Findings
from matcher.verify.history import History
from matcher.verify.witness import Witness
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.reputation.figures import PROVEN_OVER, first_of_window
from wasmarket.kernel.selection.signed_document import open_peer_document


def check_wishes(
    document: BookDocument, witness: Witness, history: History, findings: Findings
) -> None:
    """Check every wish of the round, and every fact of a peer that one of them may go by."""
    findings.begin("wishes")
    for demand in document.demands:
        signed = document.evidence.get(demand.hash, NO_EVIDENCE).wish
        if signed is None:
            continue
        where = f"demand {demand.hash}"
        is_by = signed.is_by(demand.offer.developer, demand.hash, witness.domain)
        expected = f"by {demand.offer.developer}"
        findings.compare("wishes", where, "wish", expected, expected if is_by else "by another")
        seconds = witness.deployment.parameters.epoch_seconds
        findings.compare("wishes", where, "epoch_seconds", seconds, demand.epoch_seconds)
        if demand.wish.limits_peers:
            findings.note(
                f"{where}: its wish limits its peers; which documents of peers the matcher had,"
                " it alone can know"
            )
    for peer, facts in document.book.storage.facts.items():
        _check_document(peer, facts, document, witness, history, findings)
        _check_history(peer, facts, document, witness, history, findings)
        if facts.latencies:
            findings.note(f"peer {peer}: its latencies are the word of who measured them")


def _check_document(
    peer: int,
    facts: PeerFacts,
    document: BookDocument,
    witness: Witness,
    history: History,
    findings: Findings,
) -> None:
    if not facts.content:
        return
    try:
        open_peer_document(
            facts.content,
            _bytes(facts.signature),
            key=history.keys[peer],
            peer=peer,
            domain=witness.domain,
            now=document.head.time,
        )
        found = "signed by its key"
    except KeyError:
        found = "of no peer on chain"
    except MarketError as error:
        found = error.detail
    findings.compare("wishes", f"peer {peer}", "document", "signed by its key", found)


def _check_history(
    peer: int,
    facts: PeerFacts,
    document: BookDocument,
    witness: Witness,
    history: History,
    findings: Findings,
) -> None:
    if facts.history is None:
        return
    where, block = f"peer {peer}", document.head.block
    parameters = witness.deployment.parameters
    seconds = parameters.epoch_seconds
    final = document.head.time // seconds - 1 - parameters.proof_window
    first = first_of_window(final, PROVEN_OVER)
    evictions = sum(
        entry.peer == peer
        and entry.kind == EndKind.EVICTED
        and entry.block <= block
        and entry.time // seconds >= first
        for entry in history.departures
    )
    findings.compare("wishes", where, "evictions", evictions, facts.history.evictions)
    if facts.history.uptime_ppm is not None:
        findings.note(
            f"{where}: its uptime is not counted again here: `wasmarket provider reputation"
            " ADDRESS --verify` does"
        )
    registered = history.registered_at.get(peer)
    if registered is not None:
        began = witness.header(registered[0]).timestamp // seconds
        age = document.head.time // seconds - began
        findings.compare("wishes", where, "age_epochs", age, facts.history.age_epochs)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return b""

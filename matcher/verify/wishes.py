"""Check the wishes of a book: who signed them, and what is known of the peers that they go by.

A document that the matcher never fetched, or left out, nobody can miss from here; one that it shows
was signed by the peer's key as the chain has it. What the chain's history says is counted again.
"""

from collections.abc import Callable

from matcher.engine.facts import (
    LATENCY_SECONDS,
    LEAST_ANSWERS,
    Latency,
    PeerFacts,
    PeerHistory,
)
from matcher.orderbook.document import NO_EVIDENCE, BookDocument
from matcher.verify.findings import Findings
from matcher.verify.history import History
from matcher.verify.witness import Witness
from wasmarket.client.reputation.chain_logs import LogSearch
from wasmarket.client.reputation.recount import LogCounter
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.reputation.figures import PROVEN_OVER, share_ppm
from wasmarket.kernel.reputation.kinds import EVICTIONS
from wasmarket.kernel.selection.signed_document import open_peer_document

Count = Callable[[Witness, int, int], PeerHistory]
"""Counts the history of a peer up to a block; (witness, block, peer)."""

MOST_RECOUNTED = 200
MOST_AHEAD = 600
"""So many seconds may a measurement be ahead of a book that was replaced with its block."""


def check_wishes(
    document: BookDocument,
    witness: Witness,
    history: History,
    findings: Findings,
    count: "Count | None" = None,
) -> None:
    """Check every wish of the round, and every fact of a peer that one of them may go by.

    `count` counts a peer's history up to a block [from the logs of the chain].
    """
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
                f"{where}: its wish limits its peers; which documents and measurements of peers"
                " the matcher had, it alone can know"
            )
    for peer, facts in document.book.storage.facts.items():
        _check_document(peer, facts, document, witness, history, findings)
        for measured in facts.latencies:
            _check_latency(peer, measured, document.head.time, findings)
    _check_histories(document, witness, findings, count or recount)


def _check_latency(peer: int, measured: Latency, time: int, findings: Findings) -> None:
    """Check that a latency could count at the book's time, and say whose word it is."""
    where = f"peer {peer}, by {measured.gateway}"
    expected = f"measured in the last {LATENCY_SECONDS // 3_600} hours"
    age = time - measured.at
    is_recent = -MOST_AHEAD <= age <= LATENCY_SECONDS
    found = expected if is_recent else f"measured {age} s before the book's block"
    findings.compare("wishes", where, "latency", expected, found)
    enough = f"of {LEAST_ANSWERS} answers or more"
    told = enough if measured.answers >= LEAST_ANSWERS else f"of {measured.answers}"
    findings.compare("wishes", where, "answers", enough, told)
    findings.note(
        f"{where}: {measured.ms} ms in nine of ten of {measured.answers} answers"
        f"{f' as seen from {measured.region}' if measured.region else ''}, until {measured.at};"
        " that is its word, which nobody signed"
    )


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


def recount(witness: Witness, block: int, peer: int) -> PeerHistory:
    """Return what the chain's logs say of a peer up to a block. Raises MarketError of the node."""
    found = LogSearch(witness.rpc, witness.deployment, block).of_peer(peer)
    counter = LogCounter(witness.deployment, found.peers)
    counter.apply(found.logs)
    counted = counter.finish(found.head.timestamp)
    figures = counted.windows[PROVEN_OVER]
    return PeerHistory(
        share_ppm(figures.proven, figures.active),
        sum(figures.counts.get(kind, 0) for kind in EVICTIONS),
        counted.epoch - counted.since,
    )


def _check_histories(
    document: BookDocument, witness: Witness, findings: Findings, count: Count
) -> None:
    """Count the histories of peers again, as many as a reader has patience for."""
    told = [
        (peer, facts.history)
        for peer, facts in document.book.storage.facts.items()
        if facts.history is not None
    ]
    for peer, history in told[:MOST_RECOUNTED]:
        counted = count(witness, document.head.block, peer)
        for name in ("uptime_ppm", "evictions", "age_epochs"):
            expected, found = getattr(counted, name), getattr(history, name)
            findings.compare("wishes", f"peer {peer}", name, expected, found)
    if len(told) > MOST_RECOUNTED:
        findings.note(
            f"the histories of {len(told) - MOST_RECOUNTED} more peers were not counted again:"
            " `wasmarket peer reputation NUMBER --verify` does so"
        )


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return b""

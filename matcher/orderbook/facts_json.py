"""What a book document shows of peers for wishes: their signed documents, and their history."""

from collections.abc import Iterable, Mapping
from typing import Any

from matcher.engine.facts import PeerFacts, PeerHistory
from wasmarket.kernel.documents.canonical_json import dump_canonical, parse_canonical
from wasmarket.kernel.documents.json_fields import JsonFields
from wasmarket.kernel.selection.peer_document import PeerDocument, check_plain, parse_peer_document
from wasmarket.kernel.selection.values import ANY
from wasmarket.kernel.selection.wishes import PPM

MOST_SIGNATURE = 130
MOST_LATENCIES = 64
PEERS_BELOW = 2**53


def facts_of(
    document: PeerDocument | None,
    content: bytes = b"",
    signature: str = "",
    history: PeerHistory | None = None,
    latencies: tuple[tuple[str, int], ...] = (),
) -> PeerFacts:
    """Return what a wish may ask for, out of a peer's document and its history."""
    if document is None:
        return PeerFacts(history=history, latencies=latencies)
    return PeerFacts(
        site="" if document.site is None else document.site.id,
        speed=document.speed,
        claims=document.claim_kinds,
        history=history,
        latencies=latencies,
        content=content,
        signature=signature,
    )


def dump_facts(peer: int, facts: PeerFacts, *, with_history: bool) -> dict[str, Any]:
    """Write what is known of a peer, and what it was taken from."""
    found: dict[str, Any] = {"peer": peer}
    if facts.content:
        found["document"] = parse_canonical(facts.content)
        found["signature"] = facts.signature
    if facts.history is not None and with_history:
        known = facts.history
        found["history"] = {
            "uptime_ppm": known.uptime_ppm,
            "evictions": known.evictions,
            "age_epochs": known.age_epochs,
        }
    if facts.latencies:
        found["latencies"] = dict(facts.latencies)
    return found


def load_facts(entries: Iterable[Any]) -> Mapping[int, PeerFacts]:
    """Read what is known of peers. Raises InvalidInput."""
    found: dict[int, PeerFacts] = {}
    for entry in entries:
        fields = JsonFields(entry, "facts")
        peer = fields.integer("peer", 0, PEERS_BELOW)
        content, signature, document = b"", "", None
        if fields.has("document"):
            content = dump_canonical(fields.take("document"))
            document = parse_peer_document(content)
            signature = str(fields.take("signature"))[:MOST_SIGNATURE]
        history = _load_history(fields.take("history", None))
        measured = JsonFields(fields.take("latencies", {}), "latencies")
        names = sorted(entry.get("latencies", {}))[:MOST_LATENCIES]
        latencies = tuple(
            (check_plain(name, "latencies", least=1), measured.integer(name, 0, ANY))
            for name in names
        )
        measured.finish()
        fields.finish()
        found[peer] = facts_of(document, content, signature, history, latencies)
    return found


def _load_history(value: Any) -> PeerHistory | None:
    if value is None:
        return None
    fields = JsonFields(value, "history")
    found = PeerHistory(
        fields.optional_integer("uptime_ppm", 0, PPM),
        fields.integer("evictions", 0, ANY),
        fields.integer("age_epochs", 0, ANY),
    )
    fields.finish()
    return found

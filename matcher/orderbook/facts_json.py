"""What a book document shows of peers for wishes: signed documents, histories, latencies."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from matcher.engine.facts import Latency, PeerFacts, PeerHistory
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
    latencies: tuple[Latency, ...] = (),
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


def dump_facts(
    peer: int, facts: PeerFacts, *, with_history: bool, gateways: Collection[str] = ()
) -> dict[str, Any]:
    """Write what is known of a peer, and what it was taken from; latencies by these `gateways`."""
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
    measured = sorted(entry for entry in facts.latencies if entry.gateway in gateways)
    if measured:
        found["latencies"] = [entry._asdict() for entry in measured]
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
        latencies = _load_latencies(fields.take("latencies", []))
        fields.finish()
        found[peer] = facts_of(document, content, signature, history, latencies)
    return found


def _load_latencies(entries: Any) -> tuple[Latency, ...]:
    found: dict[str, Latency] = {}
    for entry in entries[:MOST_LATENCIES]:
        fields = JsonFields(entry, "latencies")
        gateway = check_plain(fields.take("gateway"), "gateway", least=1)
        found[gateway] = Latency(
            gateway,
            fields.integer("ms", 0, ANY),
            check_plain(fields.take("region"), "region"),
            fields.integer("answers", 0, PEERS_BELOW),
            fields.integer("at", 0, PEERS_BELOW),
        )
        fields.finish()
    return tuple(found.values())


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

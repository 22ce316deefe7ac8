"""What is known of peers beside the words of the chain, and whom a wish excludes for it.

Facts come with what they were taken from, so that a book document can show it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from matcher.engine.index.layout import I64
from wasmarket.kernel.selection.values import ANY
from wasmarket.kernel.selection.wishes import Wish

WISHED = (
    "data_centers",
    "min_speed",
    "claims",
    "min_uptime_ppm",
    "max_evictions",
    "min_age_epochs",
    "max_latency_ms",
)
"""Limits of a wish that exclude peers, in the order of the bits that say which do."""
SITES, SPEED, CLAIMS, UPTIME, EVICTIONS, AGE, LATENCY = (1 << n for n in range(len(WISHED)))
NOT_KNOWN = -1
LATENCY_SECONDS = 86_400
"""So long a measured latency counts, in chain time."""
LEAST_ANSWERS = 20
"""Of fewer answers no latency is told: one cold start would exclude a peer."""


class Latency(NamedTuple):
    """What nine of ten answers of a peer did not exceed, by a gateway that is in `region`; `at`:
    when it last had one, chain time."""

    gateway: str
    ms: int
    region: str = ""
    answers: int = LEAST_ANSWERS
    at: int = 0


@dataclass(frozen=True, slots=True)
class PeerHistory:
    """What the chain's history says of a peer: proven share of its active epochs (None: it had
    none) and evictions over the last 30 final epochs, epochs since its registration."""

    uptime_ppm: int | None
    evictions: int
    age_epochs: int


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """What a wish may ask for. `content` and `signature` are the peer's document, empty: none.

    `site`, `speed` and `claims` are what that says; `history` None: not known; `latencies` are by
    the gateway that measured, one each.
    """

    site: str = ""
    speed: int = 0
    claims: tuple[str, ...] = ()
    history: PeerHistory | None = None
    latencies: tuple[Latency, ...] = ()
    content: bytes = b""
    signature: str = ""


NOTHING_KNOWN = PeerFacts()


_NOWHERE: I64 = np.zeros(0, np.int64)


class _Columns(NamedTuple):
    """Facts by place; `site` numbers the `sites`, `claims` are the places that make each,
    `latencies` by gateway the places that it measured, and milliseconds."""

    ids: I64
    speed: I64
    uptime: I64
    evictions: I64
    age: I64
    site: I64
    sites: dict[str, int]
    claims: dict[str, I64]
    latencies: dict[str, tuple[I64, I64]]


class FactTable:
    """Facts by peer. Many may read at once; whoever changes it must be alone with it."""

    def __init__(self, facts: Mapping[int, PeerFacts] | None = None) -> None:
        """Begin with these."""
        self._facts = dict(facts or {})
        self._columns: _Columns | None = None

    def __len__(self) -> int:
        """Return of how many peers anything is known."""
        return len(self._facts)

    def get(self, peer: int) -> PeerFacts:
        """Return what is known of a peer."""
        return self._facts.get(peer, NOTHING_KNOWN)

    def put(self, facts: Mapping[int, PeerFacts]) -> None:
        """Know this of these peers from now on; nothing of those with no facts."""
        for peer, known in facts.items():
            if known == NOTHING_KNOWN:
                self._facts.pop(peer, None)
            else:
                self._facts[peer] = known
        self._columns = None

    def items(self) -> Iterable[tuple[int, PeerFacts]]:
        """Return all facts, by peer."""
        return sorted(self._facts.items())

    def list_measured(self, gateway: str) -> list[tuple[int, Latency]]:
        """Return the peers that a gateway measured, and what."""
        c = self._columns or self._build()
        self._columns = c
        measured, _ = c.latencies.get(gateway, (_NOWHERE, _NOWHERE))
        peers = [int(peer) for peer in c.ids[measured]]
        return [
            (peer, entry)
            for peer in peers
            for entry in self._facts[peer].latencies
            if entry.gateway == gateway
        ]

    def judge(self, wish: Wish) -> tuple[I64, I64]:
        """Return the peers that anything is known of, and which limits each fails, as bits."""
        c = self._columns
        if c is None:
            c = self._columns = self._build()
        fails = np.zeros(len(c.ids), np.int64)
        if wish.data_centers:
            named = [c.sites[site] for site in wish.data_centers if site in c.sites]
            fails |= SITES * ~np.isin(c.site, named)
        for claim in wish.claims:
            lacks = np.ones(len(c.ids), np.bool_)
            lacks[c.claims.get(claim, _NOWHERE)] = False
            fails |= CLAIMS * lacks
        if wish.max_latency_ms:
            measured, milliseconds = c.latencies.get(wish.gateway, (_NOWHERE, _NOWHERE))
            fails[measured[milliseconds > wish.max_latency_ms]] |= LATENCY
        fails |= SPEED * (c.speed < wish.min_speed)
        if wish.min_uptime_ppm:
            fails |= UPTIME * (c.uptime < wish.min_uptime_ppm)
        if wish.max_evictions != ANY:
            excess = (c.evictions > wish.max_evictions) | (c.evictions == NOT_KNOWN)
            fails |= EVICTIONS * excess
        if wish.min_age_epochs:
            fails |= AGE * (c.age < wish.min_age_epochs)
        return c.ids, fails

    def _build(self) -> _Columns:
        rows = list(self._facts.items())
        sites: dict[str, int] = {}
        claims: dict[str, list[int]] = {}
        latencies: dict[str, list[tuple[int, int]]] = {}
        for place, (_, facts) in enumerate(rows):
            for claim in facts.claims:
                claims.setdefault(claim, []).append(place)
            for measured in facts.latencies:
                latencies.setdefault(measured.gateway, []).append((place, measured.ms))
        known = [facts.history for _, facts in rows]
        return _Columns(
            np.array([peer for peer, _ in rows], np.int64),
            np.array([facts.speed for _, facts in rows], np.int64),
            np.array(
                [NOT_KNOWN if s is None or s.uptime_ppm is None else s.uptime_ppm for s in known],
                np.int64,
            ),
            np.array([NOT_KNOWN if s is None else s.evictions for s in known], np.int64),
            np.array([NOT_KNOWN if s is None else s.age_epochs for s in known], np.int64),
            np.array([sites.setdefault(facts.site, len(sites)) for _, facts in rows], np.int64),
            sites,
            {claim: np.array(places, np.int64) for claim, places in claims.items()},
            {
                gateway: (np.array([p for p, _ in found]), np.array([ms for _, ms in found]))
                for gateway, found in latencies.items()
            },
        )


def judge_unknown(wish: Wish) -> int:
    """Return which limits a peer fails that nothing is known of: each but the latency, which
    counts only where it was measured."""
    _, fails = FactTable({0: PeerFacts(latencies=(Latency("", 0),))}).judge(wish)
    return int(fails[0])


def judge_peer(wish: Wish, facts: PeerFacts) -> tuple[str, ...]:
    """Return by name the limits that one peer fails."""
    _, fails = FactTable({0: facts}).judge(wish) if facts != NOTHING_KNOWN else (None, None)
    bits = judge_unknown(wish) if fails is None else int(fails[0])
    return tuple(name for place, name in enumerate(WISHED) if bits >> place & 1)

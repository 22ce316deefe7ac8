"""Who is who for scripts: registered peers by id and distance, the workers of any deal."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

import httpx
import msgspec

from peer.chain_state.facts import PeerFact
from peer.chain_state.listener import Listener
from wasmarket.chain.contracts.bindings import MarketLens
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.particles import parse_peer_id, to_peer_id
from wasmarket.kernel.endpoints import parse_endpoint
from wasmarket.kernel.errors import InvalidInput, InvalidSignature, MarketError
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.particles import verify_worker, worker_message
from wasmarket.kernel.signing.typed_data import Domain

INDEX_SECONDS: Final = 1.0
LIVE_SECONDS: Final = 2.0
"""How long what the chain says of a deal's assignments is good for."""
ASK_SECONDS: Final = 3.0
AGAIN_SECONDS: Final = 1.0
MOST_ANSWER: Final = 256 << 10
MOST_KNOWN: Final = 10_000
LIVE_STATES: Final = (1, 2)


@dataclass(frozen=True, slots=True)
class DealWorker:
    """A live assignment of a deal; `worker_id` is empty while its peer does not say it."""

    assignment: int
    host_id: str
    worker_id: str


class _Worker(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(max_length=100)]
    proof: Annotated[str, msgspec.Meta(max_length=130)]


class _Assignment(msgspec.Struct):
    assignment: int
    worker: _Worker | None = None


class _ServedDeal(msgspec.Struct):
    assignments: list[_Assignment]


_DECODER: Final = msgspec.json.Decoder(_ServedDeal)


class PeerDirectory:
    """Reads what the listener knows of the chain. Event loop only."""

    def __init__(
        self,
        listener: Listener,
        lens: MarketLens,
        http: httpx.AsyncClient,
        domain: Domain,
        own: Callable[[int], str],
    ) -> None:
        """`own` returns the worker id of an assignment of ours, empty if it is none."""
        self._listener = listener
        self._lens = lens
        self._http = http
        self._domain = domain
        self._own = own
        self._read_at = -INDEX_SECONDS
        self._by_id: dict[str, list[PeerFact]] = {}
        self._numbers: dict[int, PeerFact] = {}
        self._live: dict[int, tuple[float, list[tuple[int, int]]]] = {}
        self._workers: dict[int, str] = {}
        self._asked: dict[tuple[int, int], float] = {}

    def endpoints_of(self, peer_id: str) -> list[str]:
        """Return where the chain says that a peer is reached, the first registration first."""
        self._read()
        return list(dict.fromkeys(fact.endpoint for fact in self._by_id.get(peer_id, ())))

    def neighbours(self, target: bytes, count: int) -> list[str]:
        """Return the registered peers nearest to a hash, by XOR of sha256 of their ids."""
        self._read()
        point = int.from_bytes(target, "big")
        return sorted(self._by_id, key=lambda peer_id: distance_point(peer_id) ^ point)[:count]

    async def worker_ids(self, deal: int) -> list[str]:
        """Return the ids of a deal's live workers; what the chain does not say now is left out."""
        try:
            return [worker.worker_id for worker in await self.workers_of(deal) if worker.worker_id]
        except MarketError:
            return []

    async def workers_of(self, deal: int) -> list[DealWorker]:
        """Return the live assignments of a deal. Raises errors of the chain."""
        self._read()
        live = await self._find_live(deal)
        hosts = {peer for _, peer in live if peer in self._numbers}
        missing = {
            number: peer
            for number, peer in live
            if peer in hosts and number not in self._workers and not self._own(number)
        }
        await asyncio.gather(*(self._learn(deal, peer) for peer in set(missing.values())))
        return [
            DealWorker(
                number,
                to_peer_id(raw(self._numbers[peer].key)),
                self._own(number) or self._workers.get(number, ""),
            )
            for number, peer in live
            if peer in hosts
        ]

    def _read(self) -> None:
        now = time.monotonic()
        if now - self._read_at < INDEX_SECONDS:
            return
        self._read_at = now
        self._by_id, self._numbers = {}, {}
        for number, fact in self._listener.list_peers():
            self._numbers[number] = fact
            if fact.endpoint:
                self._by_id.setdefault(to_peer_id(raw(fact.key)), []).append(fact)

    async def _find_live(self, deal: int) -> list[tuple[int, int]]:
        asked, live = self._live.get(deal, (-LIVE_SECONDS, []))
        if time.monotonic() - asked >= LIVE_SECONDS:
            known = self._listener.find_assignments(deal)
            ids = sorted(known)
            views = await asyncio.to_thread(self._lens.assignments, ids) if ids else []
            live = [
                (number, known[number])
                for number, view in zip(ids, views, strict=True)
                if view.alive and view.state in LIVE_STATES
            ]
            if len(self._live) >= MOST_KNOWN:
                self._live.clear()
            self._live[deal] = (time.monotonic(), live)
        return live

    async def _learn(self, deal: int, peer: int) -> None:
        """Ask a peer for its workers of a deal; what it does not prove is passed over.

        Strangers' scripts make us ask: one that does not answer is not asked again at once.
        """
        fact, now = self._numbers[peer], time.monotonic()
        if now - self._asked.get((deal, peer), -AGAIN_SECONDS) < AGAIN_SECONDS:
            return
        if len(self._asked) >= MOST_KNOWN:
            self._asked.clear()
        self._asked[deal, peer] = now
        try:
            async with asyncio.timeout(ASK_SECONDS):
                answer = await self._ask(f"{parse_endpoint(fact.endpoint)}/v1/deals/{deal}")
            served = _DECODER.decode(answer)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, InvalidInput):
            return
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if len(self._workers) >= MOST_KNOWN:
            self._workers.clear()
        for held in served.assignments:
            if held.worker is not None and self._is_proven(fact, peer, deal, held):
                self._workers[held.assignment] = held.worker.id

    async def _ask(self, url: str) -> bytes:
        content = bytearray()
        async with self._http.stream("GET", url) as answer:
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MOST_ANSWER:
                    raise InvalidInput("its answer is longer than a peer's")
        return bytes(content)

    def _is_proven(self, fact: PeerFact, peer: int, deal: int, held: _Assignment) -> bool:
        assert held.worker is not None
        try:
            key = parse_peer_id(held.worker.id)
            message = worker_message(self._domain, peer, deal, held.assignment, key)
            proof = bytes.fromhex(held.worker.proof.removeprefix("0x"))
            verify_worker(raw(fact.key), proof, message)
        except (InvalidInput, InvalidSignature, ValueError, OverflowError):
            return False
        return True


def distance_point(peer_id: str) -> int:
    """Return where a peer stands among others: sha256 of the bytes of its id."""
    return int.from_bytes(sha256(bytes.fromhex("002408011220") + parse_peer_id(peer_id)), "big")

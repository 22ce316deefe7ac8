"""Take in what gateways measured of peers: those that the operator named, and no others.

One process asks, the elected one; what it finds lies in the store, where every process reads it. A
gateway that does not answer changes nothing: what it said before counts until it is too old.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Annotated

import httpx
import msgspec

from matcher.engine.facts import LATENCY_SECONDS, LEAST_ANSWERS
from wasmarket.kernel.errors import BadContent, InvalidInput, MarketError, Unreachable
from wasmarket.kernel.selection.peer_document import check_plain
from wasmarket.kernel.selection.wishes import Wish
from wasmarket.serving.outbound_http import tls_context
from wasmarket.serving.peers.identity import read_answer
from wasmarket.store.chain.state import NotIndexed
from wasmarket.store.database import Database
from wasmarket.store.matching.peers.latencies import (
    StoredLatency,
    drop_latencies,
    save_latencies,
)
from wasmarket.store.matching.postings import fetch_time

logger = logging.getLogger(__name__)

PATH = "/v1/measurements"
ON_PAGE = 1_000
MOST_PAGES = 11
"""A gateway keeps 10,000 peers."""
MAX_ANSWER = 2**20
"""Bytes of a page."""
SECONDS = 10.0
"""So long may a gateway take for a page."""
US_IN_MS = 1_000

Whole = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class _Peer(msgspec.Struct):
    peer: Whole
    last_at: Whole
    answered: Whole
    p90_us: Whole | None


class _MeasuredBy(msgspec.Struct):
    region: str = ""


class _Answer(msgspec.Struct):
    measured_by: _MeasuredBy
    peers: list[_Peer]


_DECODER = msgspec.json.Decoder(_Answer)


class LatencyReader:
    """Keeps the store's word on what some gateways measured."""

    def __init__(
        self,
        database: Database,
        gateways: Sequence[str],
        *,
        now: Callable[[], int],
        on_change: Callable[[], None],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Ask `gateways` (URLs without a slash at the end); `now` is this machine's clock in
        seconds, `on_change` hears when a figure has changed, `transport` stands for the network.
        """
        self._database = database
        self._gateways = tuple(gateways)
        self._now = now
        self._on_change = on_change
        self._transport = transport
        self._problems: dict[str, str] = {}

    def step(self) -> int:
        """Ask every gateway once; return how many figures changed."""
        with self._database.read() as session:
            try:
                chain_time = fetch_time(session)
            except NotIndexed:
                return 0
        answers = asyncio.run(self._ask_all()) if self._gateways else []
        changed = 0
        with self._database.write() as session:
            changed += drop_latencies(session, self._gateways)
            for gateway, answer in zip(self._gateways, answers, strict=True):
                if not isinstance(answer, MarketError):
                    found = to_latencies(gateway, answer, self._now(), chain_time)
                    changed += save_latencies(session, gateway, found)
        for gateway, answer in zip(self._gateways, answers, strict=True):
            self._report(gateway, answer.detail if isinstance(answer, MarketError) else "")
        if changed:
            self._on_change()
        return changed

    async def _ask_all(self) -> "list[_Answer | MarketError]":
        async with httpx.AsyncClient(
            transport=self._transport,
            verify=tls_context(),
            follow_redirects=False,
            trust_env=False,
        ) as http:
            return await asyncio.gather(*(_ask(http, gateway) for gateway in self._gateways))

    def _report(self, gateway: str, problem: str) -> None:
        """Log what is wrong with a gateway, once."""
        if problem and problem != self._problems.get(gateway):
            logger.warning(
                "no measurements of a gateway", extra={"gateway": gateway, "detail": problem}
            )
        self._problems[gateway] = problem


async def _ask(http: httpx.AsyncClient, gateway: str) -> "_Answer | MarketError":
    """Return all that a gateway measured, page by page, or what is wrong with it."""
    found: list[_Peer] = []
    try:
        for _ in range(MOST_PAGES):
            page = await _ask_page(http, gateway, found[-1].peer if found else 0)
            found += page.peers
            if len(page.peers) < ON_PAGE:
                break
        check_plain(page.measured_by.region, "region")
    except TimeoutError:
        return Unreachable(f"{gateway} did not answer within {SECONDS:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Unreachable(f"{gateway}: {str(error)[:200] or type(error).__name__}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return BadContent(f"{gateway} answered with what are no measurements")
    except InvalidInput as error:
        return BadContent(f"{gateway}: {error.detail}")
    return _Answer(page.measured_by, found)


async def _ask_page(http: httpx.AsyncClient, gateway: str, after: int) -> _Answer:
    async with asyncio.timeout(SECONDS):
        content = await read_answer(http, f"{gateway}{PATH}", MAX_ANSWER, {"after": str(after)})
    return _DECODER.decode(content)


def to_latencies(gateway: str, answer: _Answer, now: int, chain_time: int) -> list[StoredLatency]:
    """Return the figures that count of what a gateway answered at `now`.

    Ages are kept, times are the chain's: on a chain that stands still or was moved, both differ.
    """
    found = []
    for entry in answer.peers:
        at = min(chain_time, chain_time - (now - entry.last_at))
        if entry.p90_us is None or entry.answered < LEAST_ANSWERS:
            continue
        if at > chain_time - LATENCY_SECONDS:
            # Rounded up, as classes are: no peer is made faster than it was.
            ms = -(-entry.p90_us // US_IN_MS)
            found.append(
                StoredLatency(
                    gateway, entry.peer, answer.measured_by.region, ms, entry.answered, at
                )
            )
    return found


def check_gateway(wish: Wish, gateways: Sequence[str]) -> None:
    """Raise InvalidInput for a latency by a gateway whose measurements are not taken here."""
    if wish.max_latency_ms and wish.gateway not in gateways:
        taken = f"it takes those of {', '.join(gateways)}" if gateways else "it takes none at all"
        raise InvalidInput(
            f"this matcher takes no measurements of {wish.gateway}",
            field="wish.gateway",
            remedy=f"{taken}: name one of these, or another matcher, or wish for no latency",
        )

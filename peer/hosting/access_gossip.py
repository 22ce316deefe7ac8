"""Let the peers of a deal agree on its newest access document, by themselves.

Each tells the others, whose endpoints the chain names, the version that it has, and sends along
the developer's signed request. Who hears of an older version than its own sends its document in
turn. Nothing is taken without the developer's signature, so it matters not who speaks.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import httpx
import msgspec

from peer.access import MAX_VERSION, AccessFile, SignedAccess, verify_access
from peer.chain_state.view import Assignment, Deal
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.signing.typed_data import Domain

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
ASK_SECONDS = 2.0
"""How long a peer that starts waits to hear who may call."""

CLAIM_SECONDS = 20.0
"""How long it waits for a document that another peer says to have."""

FIRST_REST, LONGEST_REST = 2.0, 300.0
"""Seconds before an endpoint that did not answer is tried again; doubles."""

LEAST_SECONDS_BETWEEN_ANSWERS = 1.0
AT_ONCE = 8
MAX_ANSWER = 4_096
"""Bytes of an answer: a version is all that is in it."""


class SharedAccess(Protocol):
    """A deal whose peers agree on who may call."""

    @property
    def deal(self) -> Deal:
        """What the chain says of it."""

    @property
    def access(self) -> AccessFile:
        """The document that is here."""

    @property
    def assignments(self) -> Mapping[int, Assignment]:
        """Its assignments on this peer, by number."""


class _Told(msgspec.Struct):
    """What a peer answers: the version that it has now."""

    version: Annotated[int, msgspec.Meta(ge=0, le=MAX_VERSION)]


@dataclass(slots=True)
class _Talk:
    """What was last said to one endpoint about one deal."""

    said: tuple[int, bytes] | None = None
    not_before: float = 0.0
    rest: float = FIRST_REST


@dataclass(slots=True)
class _Topic:
    """One deal: its endpoints, and when somebody behind us was last sent our document."""

    talks: dict[str, _Talk] = field(default_factory=dict)
    answered_at: float = -LEAST_SECONDS_BETWEEN_ANSWERS


class AccessGossip:
    """Tells and takes documents. Event loop only."""

    def __init__(self, client: httpx.AsyncClient, domain: Domain) -> None:
        self._client = client
        self._domain = domain
        self._topics: dict[int, _Topic] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def tell(self, deals: Iterable[SharedAccess]) -> None:
        """Tell whoever may not know what these deals' newest documents are."""
        live = {
            hosted.deal.id: hosted
            for hosted in deals
            if hosted.assignments and hosted.deal.endpoints
        }
        self._topics = {deal: t for deal, t in self._topics.items() if deal in live}
        await _do_all([self._tell_due(hosted) for hosted in live.values()])

    async def ask(self, hosted: SharedAccess) -> None:
        """Ask a deal's other peers what they have, and wait for it.

        Who does not answer is waited for ASK_SECONDS at most, what somebody says to have for
        CLAIM_SECONDS. If it does not come, nobody may call until a document does.
        """
        newest = await self._ask_once(hosted)
        give_up = asyncio.get_running_loop().time() + CLAIM_SECONDS
        while hosted.access.current.version < newest:
            if asyncio.get_running_loop().time() >= give_up:
                logger.error("access is not known: closed", extra={"deal": hosted.deal.id})
                hosted.access.close_until_known()
                return
            newest = max(newest, await self._ask_once(hosted))

    async def _ask_once(self, hosted: SharedAccess) -> int:
        """Return the newest version that any other peer has; wait a moment for its document."""
        told = [self._tell(hosted, endpoint) for endpoint in hosted.deal.endpoints]
        # Each has a time limit of its own.
        newest = max(await _do_all(told), default=0)
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_SECONDS):
                while hosted.access.current.version < newest:
                    await asyncio.sleep(0.02)
        return newest

    def hear(self, hosted: SharedAccess, version: int, document: SignedAccess | None) -> int:
        """Take what another peer says; return the version that we have now.

        Raises Forbidden, InvalidSignature, InvalidInput for a document that is not the
        developer's.
        """
        deal = hosted.deal
        if document is not None:
            access = verify_access(document, deal.id, deal.developer, self._domain)
            if hosted.access.adopt(access, document):
                logger.info("access taken over", extra={"deal": deal.id, "version": version})
        topic = self._topics.setdefault(deal.id, _Topic())
        now = asyncio.get_running_loop().time()
        behind = version < hosted.access.current.version
        if behind and now - topic.answered_at >= LEAST_SECONDS_BETWEEN_ANSWERS:
            # Who it was is not known for sure: all are told, not more often than that.
            topic.answered_at = now
            topic.talks.clear()
        return hosted.access.current.version

    async def _tell_due(self, hosted: SharedAccess) -> None:
        topic = self._topics.setdefault(hosted.deal.id, _Topic())
        now = asyncio.get_running_loop().time()
        due = []
        for endpoint in hosted.deal.endpoints:
            talk = topic.talks.setdefault(endpoint, _Talk())
            if talk.said != hosted.access.state and now >= talk.not_before:
                due.append(self._tell(hosted, endpoint))
        await _do_all(due)

    async def _tell(self, hosted: SharedAccess, endpoint: str) -> int:
        """Tell an endpoint what we have; return its version, 0 if it did not answer."""
        topic = self._topics.setdefault(hosted.deal.id, _Topic())
        talk = topic.talks.setdefault(endpoint, _Talk())
        state, access = hosted.access.state, hosted.access
        document = None if access.signed is None else msgspec.to_builtins(access.signed)
        url = f"{endpoint.rstrip('/')}/v1/deals/{hosted.deal.id}/access/copy"
        version = 0
        try:
            async with self._gate, asyncio.timeout(ASK_SECONDS):
                said = {"version": access.current.version, "document": document}
                version = await self._put(url, said)
        except (httpx.HTTPError, httpx.InvalidURL, MarketError, OSError, ValueError) as error:
            logger.debug("peer not told who may call", extra={"url": url, "why": repr(error)})
            talk.not_before = asyncio.get_running_loop().time() + talk.rest
            talk.rest = min(talk.rest * 2, LONGEST_REST)
            return 0
        talk.said, talk.rest = state, FIRST_REST
        return version

    async def _put(self, url: str, said: dict[str, Any]) -> int:
        """Tell one endpoint, and return its version. Raises as httpx does, and ValueError."""
        async with self._client.stream("PUT", url, json=said, timeout=ASK_SECONDS) as answer:
            answer.raise_for_status()
            body = bytearray()
            # Raw bytes: whoever is there may send what it likes, and packed.
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise ValueError("the answer is too long")
        return decode_json(bytes(body), _Told).version


async def _do_all(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Do all of it, and then raise the first error: one neighbour must not keep us from others."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes

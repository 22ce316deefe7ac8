"""Let the peers of a deal agree on the newest document of a kind, by themselves.

Each tells the others, whose endpoints the chain names, the version that it has, and sends along
the developer's signed request. Who hears of an older version than its own sends its document in
turn. Nothing is taken without the developer's signature, so it matters not who speaks.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Protocol, TypeVar

import httpx
import msgspec

from peer.chain_state.view import Assignment, Deal
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.signing.developer_documents import DeveloperDocument
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
MAX_VERSION = 2**53 - 1


class SharedDeal(Protocol):
    """A deal whose peers agree on documents."""

    @property
    def deal(self) -> Deal:
        """What the chain says of it."""

    @property
    def assignments(self) -> Mapping[int, Assignment]:
        """Its assignments on this peer, by number."""


DealT_contra = TypeVar("DealT_contra", bound=SharedDeal, contravariant=True)


class SharedDocument(Protocol):
    """A document of one kind and deal, as it is here."""

    @property
    def version(self) -> int:
        """Its version, 0 if there is none."""

    @property
    def signed(self) -> DeveloperDocument | None:
        """The developer's request, if it is known."""

    @property
    def state(self) -> tuple[int, bytes]:
        """What tells one document from another: its version and its hash."""


class Told(msgspec.Struct):
    """What a peer answers: the version that it has now, and which secrets it lacks."""

    version: Annotated[int, msgspec.Meta(ge=0, le=MAX_VERSION)]
    missing: list[str] = []


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


class DocumentGossip(ABC, Generic[DealT_contra]):
    """Tells and takes documents of one kind. Event loop only."""

    kind: str
    """Where they are below a deal's URL; copies are at `/copy` below it."""
    most_answer = 4_096
    """Bytes of an answer: a version is all that is in it."""

    def __init__(self, client: httpx.AsyncClient, domain: Domain) -> None:
        self._client = client
        self._domain = domain
        self._topics: dict[int, _Topic] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)

    @abstractmethod
    def find(self, hosted: DealT_contra) -> SharedDocument:
        """Return a deal's document."""

    @abstractmethod
    def adopt(self, hosted: DealT_contra, document: DeveloperDocument) -> bool:
        """Take a document if it is the developer's and wins; say whether it did.

        Raises Forbidden, InvalidSignature, InvalidInput.
        """

    def give_up(self, hosted: DealT_contra) -> None:
        """Act on a document that somebody says to have and that does not come."""

    async def tell(self, deals: Iterable[DealT_contra]) -> None:
        """Tell whoever may not know what these deals' newest documents are."""
        live = {
            hosted.deal.id: hosted
            for hosted in deals
            if hosted.assignments and hosted.deal.endpoints
        }
        self._topics = {deal: t for deal, t in self._topics.items() if deal in live}
        await _do_all([self._tell_due(hosted) for hosted in live.values()])

    async def ask(self, hosted: DealT_contra) -> None:
        """Ask a deal's other peers what they have, and wait for it.

        Who does not answer is waited for ASK_SECONDS at most, what somebody says to have for
        CLAIM_SECONDS; then `give_up` is called.
        """
        newest = await self._ask_once(hosted)
        give_up = asyncio.get_running_loop().time() + CLAIM_SECONDS
        while self.find(hosted).version < newest:
            if asyncio.get_running_loop().time() >= give_up:
                logger.error(
                    "a document is not known", extra={"deal": hosted.deal.id, "kind": self.kind}
                )
                self.give_up(hosted)
                return
            newest = max(newest, await self._ask_once(hosted))

    async def _ask_once(self, hosted: DealT_contra) -> int:
        """Return the newest version that any other peer has; wait a moment for its document."""
        told = [self._tell(hosted, endpoint) for endpoint in hosted.deal.endpoints]
        # Each has a time limit of its own.
        newest = max(await _do_all(told), default=0)
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_SECONDS):
                while self.find(hosted).version < newest:
                    await asyncio.sleep(0.02)
        return newest

    def hear(self, hosted: DealT_contra, version: int, document: DeveloperDocument | None) -> int:
        """Take what another peer says; return the version that we have now.

        Raises Forbidden, InvalidSignature, InvalidInput for a document that is not the
        developer's.
        """
        deal = hosted.deal
        if document is not None and self.adopt(hosted, document):
            extra = {"deal": deal.id, "version": version, "kind": self.kind}
            logger.info("document taken over", extra=extra)
        topic = self._topics.setdefault(deal.id, _Topic())
        now = asyncio.get_running_loop().time()
        known = self.find(hosted).version
        if version < known and now - topic.answered_at >= LEAST_SECONDS_BETWEEN_ANSWERS:
            # Who it was is not known for sure: all are told, not more often than that.
            topic.answered_at = now
            topic.talks.clear()
        return known

    async def _tell_due(self, hosted: DealT_contra) -> None:
        topic = self._topics.setdefault(hosted.deal.id, _Topic())
        now = asyncio.get_running_loop().time()
        due = []
        for endpoint in hosted.deal.endpoints:
            talk = topic.talks.setdefault(endpoint, _Talk())
            if talk.said != self.find(hosted).state and now >= talk.not_before:
                due.append(self._tell(hosted, endpoint))
        await _do_all(due)

    async def _tell(self, hosted: DealT_contra, endpoint: str) -> int:
        """Tell an endpoint what we have; return its version, 0 if it did not answer."""
        topic = self._topics.setdefault(hosted.deal.id, _Topic())
        talk = topic.talks.setdefault(endpoint, _Talk())
        found = self.find(hosted)
        state = found.state
        url = f"{endpoint.rstrip('/')}/v1/deals/{hosted.deal.id}/{self.kind}/copy"
        try:
            async with self._gate, asyncio.timeout(ASK_SECONDS):
                told = await self._put(url, write_copy(found))
                is_done = await self._follow_up(hosted, endpoint, url, told)
        except (httpx.HTTPError, httpx.InvalidURL, MarketError, OSError, ValueError) as error:
            extra = {"url": url, "why": repr(error)}
            logger.debug("peer not told of a document", extra=extra)
            self._rest(talk)
            return 0
        if is_done:
            talk.said, talk.rest = state, FIRST_REST
        else:
            self._rest(talk)
        return told.version

    async def _follow_up(self, hosted: DealT_contra, endpoint: str, url: str, told: Told) -> bool:
        """Send what else a peer lacks; say whether nothing is left to be sent."""
        return True

    def _rest(self, talk: _Talk) -> None:
        talk.not_before = asyncio.get_running_loop().time() + talk.rest
        talk.rest = min(talk.rest * 2, LONGEST_REST)

    async def _put(self, url: str, said: dict[str, Any]) -> Told:
        """Tell one endpoint, and return its answer. Raises as httpx does, and ValueError."""
        async with self._client.stream("PUT", url, json=said, timeout=ASK_SECONDS) as answer:
            answer.raise_for_status()
            body = bytearray()
            # Raw bytes: whoever is there may send what it likes, and packed.
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > self.most_answer:
                    raise ValueError("the answer is too long")
        return decode_json(bytes(body), Told)


def write_copy(found: SharedDocument) -> dict[str, Any]:
    """Return what is said of a document: its version, and the developer's request if known."""
    document = None if found.signed is None else msgspec.to_builtins(found.signed)
    return {"version": found.version, "document": document}


async def _do_all(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Do all of it, and then raise the first error: one neighbour must not keep us from others."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes

"""Keep the last access document that a developer set here, for peers that start later.

Peers of a deal tell one another who may call. When all that know are gone, a peer that takes
their place cannot ask anybody; a gateway through which the document went can hand it over. No
call goes to a peer that has not said that it has the document.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from gateway.directory.deals import DealRoute, PeerRoute
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.documents.json_text import decode_json, read_json
from wasmarket.kernel.errors import Forbidden, MarketError
from wasmarket.kernel.signing.requests import Request, parse_authorization
from wasmarket.kernel.signing.signatures import recover
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.serving.peer_wire.connection import Outgoing
from wasmarket.serving.peer_wire.wire import Wire

logger = logging.getLogger(__name__)

SUFFIX: Final = ".json"
TELL_SECONDS: Final = 2.0
REST_SECONDS: Final = 2.0
"""How long a peer that did not take a document is left alone."""
AT_ONCE: Final = 20
"""Deals that one turn of the loop looks after."""
MAX_ANSWER: Final = 4_096
MAX_TOLD: Final = 100_000


class SignedDocument(msgspec.Struct, frozen=True):
    """The developer's request that set a document."""

    target: str
    body: str
    authorization: str


class _Versioned(msgspec.Struct):
    version: int


class AccessDocuments:
    """Documents on disk, one file a deal. For one event loop."""

    def __init__(
        self, folder: Path, wire: Wire, domain: Domain, clock: Callable[[], float]
    ) -> None:
        """Keep them in `folder`, which is made; `clock` returns seconds."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._wire = wire
        self._domain = domain
        self._clock = clock
        self._versions: dict[int, int] = {}
        self._told: dict[tuple[int, PeerRoute], int] = {}
        self._rests_until: dict[tuple[int, PeerRoute], float] = {}
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._turn = 0
        self._read_folder()

    def __contains__(self, deal: int) -> bool:
        return deal in self._versions

    async def keep(
        self, route: DealRoute, signed: SignedDocument, told: Iterable[PeerRoute]
    ) -> None:
        """Keep a document that peers have taken, unless a later version is here.

        Raises Forbidden for one that the deal's developer did not sign, InvalidInput.
        """
        deal = route.deal
        body = signed.body.encode()
        credentials = parse_authorization(signed.authorization)
        request = Request("PUT", signed.target, body, credentials.expires, credentials.nonce)
        signer = recover(request.digest(self._domain), credentials.signature, field="Authorization")
        if signer != route.developer or signed.target.partition("?")[0] != _target(deal):
            raise Forbidden(f"the developer of deal {deal} did not sign this", field="document")
        version = read_json(body, _Versioned, what="the document").version
        if version < self._versions.get(deal, 0):
            return
        await asyncio.to_thread(self._write, deal, msgspec.json.encode(signed))
        self._versions[deal] = version
        self._note(deal, version, told)

    async def hand_over(self, deal: int, peers: Sequence[PeerRoute]) -> tuple[PeerRoute, ...]:
        """Return the peers that have the document, after telling those that may not have it."""
        version = self._versions.get(deal)
        if version is None:
            return tuple(peers)
        if self._find_untold(deal, version, peers):
            lock = self._locks.setdefault(deal, asyncio.Lock())
            async with lock:
                # Whoever had the lock before may have told them.
                untold = self._find_untold(deal, version, peers)
                if untold:
                    said = await asyncio.to_thread(self._read, deal, version)
                    taken = await asyncio.gather(*(self._tell(deal, peer, said) for peer in untold))
                    have = [peer for peer, has in zip(untold, taken, strict=True) if has]
                    self._note(deal, version, have)
        return tuple(peer for peer in peers if self._told.get((deal, peer), -1) >= version)

    async def look_after(self, find: Callable[[int], Awaitable[DealRoute | None]]) -> None:
        """Tell the new peers of some deals; `find` returns a deal's route, and is awaited.

        Raises Unreachable when the directory is silent.
        """
        deals = sorted(self._versions)
        start = self._turn if self._turn < len(deals) else 0
        self._turn = start + AT_ONCE
        for deal in deals[start : start + AT_ONCE]:
            route = await find(deal)
            if route is None:
                continue
            if route.status is DealStatus.ENDED:
                self._forget(deal)
            else:
                await self.hand_over(deal, route.peers)

    def _find_untold(self, deal: int, version: int, peers: Sequence[PeerRoute]) -> list[PeerRoute]:
        """Return the peers that may not have the document and are not left alone for now."""
        now = self._clock()
        return [
            peer
            for peer in peers
            if self._told.get((deal, peer), -1) < version
            and now >= self._rests_until.get((deal, peer), 0.0)
        ]

    async def _tell(self, deal: int, peer: PeerRoute, said: bytes) -> bool:
        """Tell one peer; say whether it has the document now."""
        headers = ((b"content-type", b"application/json"),)
        outgoing = Outgoing("PUT", f"{_target(deal)}/copy", headers, said, True)
        why = ""
        try:
            async with asyncio.timeout(TELL_SECONDS):
                answer = await self._wire.open(peer.endpoint, outgoing)
                try:
                    body = await answer.read()
                finally:
                    answer.close()
            if answer.status == 200:
                known = decode_json(body[:MAX_ANSWER], _Versioned).version
                if known >= self._versions.get(deal, 0):
                    return True
                why = f"it has version {known}"
            else:
                why = f"it answered {answer.status}"
        except (MarketError, TimeoutError, msgspec.DecodeError) as error:
            why = str(error) or "it took too long"
        logger.info("peer not told who may call", extra={"peer": peer.peer, "why": why})
        if len(self._rests_until) >= MAX_TOLD:
            self._rests_until.clear()
        self._rests_until[deal, peer] = self._clock() + REST_SECONDS
        return False

    def _note(self, deal: int, version: int, peers: Iterable[PeerRoute]) -> None:
        if len(self._told) >= MAX_TOLD:
            # They are told again, which costs a request each.
            self._told.clear()
        for peer in peers:
            self._told[deal, peer] = version

    def _forget(self, deal: int) -> None:
        del self._versions[deal]
        self._path(deal).unlink(missing_ok=True)

    def _read(self, deal: int, version: int) -> bytes:
        document = json.loads(self._path(deal).read_bytes())
        return msgspec.json.encode({"version": version, "document": document})

    def _write(self, deal: int, data: bytes) -> None:
        beside = self._path(deal).with_suffix(".new")
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self._path(deal))

    def _path(self, deal: int) -> Path:
        return self._folder / f"{deal}{SUFFIX}"

    def _read_folder(self) -> None:
        for path in self._folder.glob(f"*{SUFFIX}"):
            try:
                signed = decode_json(path.read_bytes(), SignedDocument)
                self._versions[int(path.stem)] = decode_json(signed.body, _Versioned).version
            except (msgspec.DecodeError, ValueError):
                logger.exception("damaged access document", extra={"path": str(path)})


def _target(deal: int) -> str:
    return f"/v1/deals/{deal}/access"

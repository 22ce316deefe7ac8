"""Sign the next version of a deal's document, and hand it to its peers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.documents.deal_peers import DealPeer
from wasmarket.kernel.errors import MarketError, Unreachable
from wasmarket.kernel.signing.developer_documents import METHOD, DeveloperDocument
from wasmarket.kernel.signing.typed_data import Domain


class _Found(msgspec.Struct):
    """What a peer says of a document."""

    document: DeveloperDocument | None = None


@dataclass(slots=True)
class DocumentReading:
    """The newest content that this developer signed, `{}` for none, and peers that do not tell."""

    content: dict[str, Any] = field(default_factory=dict)
    answers: dict[int, Any] = field(default_factory=dict)
    silent: dict[int, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """Return its version, 0 for none."""
        return int(self.content.get("version", 0))


class DealDocument:
    """One kind of document of a deal, such as `secrets` or `triggers/paused`."""

    def __init__(self, client: DeveloperClient, domain: Domain, deal: int, kind: str) -> None:
        self._client = client
        self._domain = domain
        self._path = f"/v1/deals/{deal}/{kind}"

    def read(
        self, peers: list[DealPeer], path: str, member: str = "", *, signed: bool = True
    ) -> DocumentReading:
        """Ask each peer for what it has, at `path`; `member` is where in the answer it stands.

        What another account has signed is passed over. Raises Unreachable if nobody answers.
        """
        reading = DocumentReading()
        for peer in peers:
            try:
                service = self._client.open_peer(peer.endpoint)
                answer = service.get(path, signed=signed)
                reading.answers[peer.number] = answer
                content = self._check(answer[member] if member else answer)
            except MarketError as error:
                reading.silent[peer.number] = error.detail
                continue
            except (KeyError, TypeError):
                reading.silent[peer.number] = "its answer is not a peer's"
                continue
            if int(content.get("version", 0)) > reading.version:
                reading.content = content
        if len(reading.silent) == len(peers):
            number, why = next(iter(reading.silent.items()))
            raise Unreachable(f"no peer answers; peer {number}: {why}", remedy="try in a moment")
        return reading

    def sign(self, content: Mapping[str, Any]) -> DeveloperDocument:
        """Return the document that says this."""
        body = json.dumps(content).encode()
        authorization = self._client.sign(METHOD, self._path, body)
        return DeveloperDocument(self._path, body.decode(), authorization)

    def hand_out(
        self,
        peers: list[DealPeer],
        version: int,
        document: DeveloperDocument,
        more: Callable[[int], Mapping[str, Any]] = lambda peer: {},
    ) -> dict[int, str]:
        """Give a document to each peer, with what `more` returns for it; return who did not take it
        and why.
        """
        silent = {}
        said = {"version": version, "document": msgspec.to_builtins(document)}
        for peer in peers:
            try:
                service = self._client.open_peer(peer.endpoint)
                value = said | dict(more(peer.number))
                answer = service.send("PUT", f"{self._path}/copy", value=value).json()
                if answer["version"] != version:
                    silent[peer.number] = f"it has version {answer['version']}"
            except MarketError as error:
                silent[peer.number] = error.detail
            except (KeyError, TypeError, ValueError):
                silent[peer.number] = "its answer is not a peer's"
        return silent

    def _check(self, answer: Any) -> dict[str, Any]:
        """Return what this developer signed; nothing for what somebody else did."""
        try:
            document = msgspec.convert(answer, _Found).document
        except msgspec.ValidationError as error:
            raise Unreachable(f"its answer is not a peer's: {error}") from error
        if document is None:
            return {}
        content = document.read(self._path, self._client.address, self._domain)
        return content if isinstance(content, dict) else {}

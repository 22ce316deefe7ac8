"""Ask a peer for its signed document: `GET /v1/peer`."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import msgspec

from wasmarket.kernel.documents.canonical_json import dump_canonical
from wasmarket.kernel.endpoints import parse_endpoint
from wasmarket.kernel.errors import BadContent, InvalidInput, NotFound, Unreachable
from wasmarket.kernel.selection.peer_document import MAX_BYTES, PeerDocument
from wasmarket.kernel.selection.signed_document import SIGNATURE_BYTES, open_peer_document
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Hash
from wasmarket.serving.peers.identity import STATUS, read_answer

PATH = "/v1/peer"
MAX_ANSWER = 3 * MAX_BYTES
"""Bytes; JSON may write one character in several ways."""


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A document that was checked, its canonical bytes, and the key's signature."""

    document: PeerDocument
    content: bytes
    signature: bytes


class _Answer(msgspec.Struct):
    document: dict[str, Any]
    signature: Annotated[str, msgspec.Meta(max_length=2 + 2 * SIGNATURE_BYTES)]


_DECODER = msgspec.json.Decoder(_Answer)


async def fetch_peer_document(
    http: httpx.AsyncClient,
    endpoint: str,
    domain: Domain,
    seconds: float,
    *,
    key: Hash,
    peer: int,
    now: int,
) -> OpenedDocument:
    """Return what a peer says of itself, as its key signed it; `now` is the chain's time.

    Raises NotFound for a peer that says nothing, Unreachable, and as `open_peer_document`.
    """
    try:
        async with asyncio.timeout(seconds):
            content = await read_answer(http, f"{parse_endpoint(endpoint)}{PATH}", MAX_ANSWER)
    except TimeoutError as error:
        raise Unreachable(f"no document within {seconds:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"no document: {str(error)[:200] or type(error).__name__}") from error
    except InvalidInput as error:
        if error.field == STATUS and str(int(httpx.codes.NOT_FOUND)) in error.detail:
            raise NotFound("the peer says nothing of itself") from error
        raise BadContent(error.detail) from error
    return open_answer(content, domain, key=key, peer=peer, now=now)


def open_answer(
    content: bytes, domain: Domain, *, key: Hash, peer: int, now: int
) -> OpenedDocument:
    """Read the answer of `GET /v1/peer`. Raises as `open_peer_document`."""
    try:
        answer = _DECODER.decode(content)
        signature = bytes.fromhex(answer.signature.removeprefix("0x"))
        spelled = dump_canonical(answer.document)
    except (ValueError, RecursionError, InvalidInput) as error:
        # msgspec's errors are ValueErrors, as those of hex digits and of UTF-8.
        raise BadContent("its answer is not a peer's document") from error
    document = open_peer_document(spelled, signature, key=key, peer=peer, domain=domain, now=now)
    return OpenedDocument(document, spelled, signature)

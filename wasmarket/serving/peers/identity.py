"""Ask an endpoint which peer answers there: `GET /v1/identity?challenge=…`."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Annotated

import httpx
import msgspec

from wasmarket.kernel.addresses import parse_hash, to_hash
from wasmarket.kernel.endpoints import parse_endpoint
from wasmarket.kernel.errors import InvalidInput, InvalidSignature, Unreachable
from wasmarket.kernel.signing.identity import SIGNATURE_BYTES, PeerIdentity, verify_identity
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Hash

PATH = "/v1/identity"
MAX_ANSWER = 4_096
"""Bytes; an answer of ours has some 350."""
STATUS = "status"
"""Field of the error for an answer that is none because of its status."""


class NotThePeer(Unreachable):
    """The endpoint does not answer with the peer's key"""

    slug = "not-the-peer"


class WrongPeer(NotThePeer):
    """Another peer answers at the endpoint"""

    slug = "wrong-peer"


class IdentityAnswer(msgspec.Struct):
    """What a peer answers; members of later versions are passed over."""

    peer: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    key: Annotated[str, msgspec.Meta(max_length=66)]
    challenge: Annotated[str, msgspec.Meta(max_length=66)]
    signature: Annotated[str, msgspec.Meta(max_length=2 + 2 * SIGNATURE_BYTES)]


_DECODER = msgspec.json.Decoder(IdentityAnswer)


async def fetch_identity(
    http: httpx.AsyncClient, endpoint: str, domain: Domain, seconds: float
) -> PeerIdentity:
    """Return who answers a fresh challenge at an endpoint, within so many seconds in all.

    Raises NotThePeer with the cause, whatever it is.
    """
    challenge = to_hash(secrets.token_bytes(32))
    try:
        url = f"{parse_endpoint(endpoint)}{PATH}"
        async with asyncio.timeout(seconds):
            content = await read_answer(http, url, MAX_ANSWER, {"challenge": challenge})
        identity = _parse(content)
        verify_identity(identity, domain)
    except TimeoutError as error:
        raise NotThePeer(f"no answer within {seconds:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotThePeer(f"no answer: {str(error)[:200] or type(error).__name__}") from error
    except (InvalidInput, InvalidSignature) as error:
        raise NotThePeer(error.detail[:300]) from error
    if identity.challenge != challenge:
        raise NotThePeer("it signed another challenge")
    return identity


def check_identity(identity: PeerIdentity, peer: int, key: Hash) -> None:
    """Raise NotThePeer unless this peer answered with this key, WrongPeer if another did."""
    if identity.key != key:
        raise WrongPeer(f"it answers with the key {identity.key}, registered is {key}")
    if identity.peer == 0:
        raise NotThePeer("the peer there has not yet found itself on chain")
    if identity.peer != peer:
        raise WrongPeer(f"it answers as peer {identity.peer}")


async def read_answer(
    http: httpx.AsyncClient, url: str, most: int, params: Mapping[str, str] | None = None
) -> bytes:
    """Return the body of a peer's answer of at most so many bytes.

    Raises InvalidInput for another status or a longer answer; httpx.HTTPError.
    """
    content = bytearray()
    headers = {"Accept-Encoding": "identity"}
    async with http.stream("GET", url, params=params, headers=headers) as answer:
        if answer.status_code != httpx.codes.OK:
            raise InvalidInput(f"it answered {answer.status_code}", field=STATUS)
        async for chunk in answer.aiter_raw():
            content += chunk
            if len(content) > most:
                raise InvalidInput("its answer is longer than a peer's")
    return bytes(content)


def _parse(content: bytes) -> PeerIdentity:
    try:
        answer = _DECODER.decode(content)
        signature = bytes.fromhex(answer.signature.removeprefix("0x"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput("its answer is not a peer's") from error
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidInput("its signature is not one of Ed25519")
    key, challenge = (parse_hash(text) for text in (answer.key, answer.challenge))
    return PeerIdentity(answer.peer, key, challenge, signature)

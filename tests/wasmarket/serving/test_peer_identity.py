"""Ask an endpoint for its key: who answers rightly, and everything that answers wrongly."""

import asyncio
import json

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.signing.identity import sign_identity
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.serving.peers.identity import (
    NotThePeer,
    WrongPeer,
    check_identity,
    fetch_identity,
)

pytestmark = pytest.mark.unit

DOMAIN = market_domain(31337, to_address(b"\1" * 20))
OTHER_MARKET = market_domain(31337, to_address(b"\2" * 20))
KEY, OTHER_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))


def public(key):
    return to_hash(key.public_key().public_bytes_raw())


def answer(challenge, key=KEY, peer=7, domain=DOMAIN, **members):
    identity = sign_identity(key, domain, peer, challenge)
    body = {
        "peer": peer,
        "key": identity.key,
        "challenge": challenge,
        "signature": "0x" + identity.signature.hex(),
    }
    return body | members


class Whole(httpx.AsyncByteStream):
    """A body that was not read yet, as from a socket."""

    def __init__(self, content):
        self._content = content

    async def __aiter__(self):
        yield self._content


def ask(give, endpoint="http://peer", seconds=5.0):
    """Ask an endpoint where `give` makes the answer from the challenge."""

    async def handle(request):
        made = give(request.url.params["challenge"])
        if asyncio.iscoroutine(made):
            made = await made
        if not isinstance(made, httpx.Response):
            made = httpx.Response(200, json=made)
        return httpx.Response(made.status_code, stream=Whole(made.content))

    async def run():
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
            return await fetch_identity(http, endpoint, DOMAIN, seconds)

    return asyncio.run(run())


def test_fetch_identity__the_peer__is_named_by_its_key():
    identity = ask(answer)

    check_identity(identity, 7, public(KEY))
    assert (identity.peer, identity.key) == (7, public(KEY))


@pytest.mark.parametrize(
    "give",
    [
        lambda c: httpx.Response(404, json={}),
        lambda c: httpx.Response(301, headers={"location": "http://elsewhere"}),
        lambda c: httpx.Response(200, text="<html>"),
        lambda c: httpx.Response(200, text="[" * 100_000),
        lambda c: httpx.Response(200, text="[" * 2_000),
        lambda c: httpx.Response(200, text='{"peer":' + "1" * 3_000 + "}"),
        lambda c: httpx.Response(200, content=b"\xff\xfe"),
        lambda c: answer(c, peer=7) | {"peer": 8},
        lambda c: answer(c) | {"peer": -1},
        lambda c: answer(c) | {"peer": 7.5},
        lambda c: answer(c) | {"key": public(OTHER_KEY)},
        lambda c: answer(c) | {"key": "0x" + "0" * 64},
        lambda c: answer(c) | {"signature": "0x"},
        lambda c: answer(c) | {"signature": "0x" + "zz" * 64},
        lambda c: answer("0x" + "5" * 64),
        lambda c: answer(c, domain=OTHER_MARKET),
        lambda c: {},
        lambda c: json.loads("[]"),
    ],
)
def test_fetch_identity__anything_but_a_signed_answer__is_not_the_peer(give):
    with pytest.raises(NotThePeer) as caught:
        ask(give)

    assert len(caught.value.detail) < 400


@pytest.mark.parametrize("endpoint", ["foo", "file:///etc/passwd", "http://peer?x=1", ""])
def test_fetch_identity__no_endpoint__is_not_asked(endpoint):
    with pytest.raises(NotThePeer):
        ask(answer, endpoint=endpoint)


def test_fetch_identity__answer_that_never_ends__is_given_up_in_time():
    async def stall(_):
        await asyncio.Event().wait()

    with pytest.raises(NotThePeer, match="within"):
        ask(stall, seconds=0.05)


@pytest.mark.parametrize(
    ("identity", "kind", "why"),
    [
        ({"key": OTHER_KEY}, WrongPeer, "registered"),
        ({"peer": 9}, WrongPeer, "as peer 9"),
        ({"peer": 0}, NotThePeer, "not yet found itself"),
    ],
)
def test_check_identity__another_peer__is_told_apart(identity, kind, why):
    found = ask(lambda c: answer(c, **identity))

    with pytest.raises(kind, match=why):
        check_identity(found, 7, public(KEY))

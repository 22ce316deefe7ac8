"""Whatever a neighbour, a matcher or a file says: it is taken, or refused by a clear error."""

import asyncio
import json
from contextlib import suppress
from types import SimpleNamespace

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peer.access import NOBODY, AccessFile, parse_access
from peer.documents import gossip
from peer.documents.access_gossip import AccessGossip
from peer.offers.matchers import MatcherDoor
from tests.peer.test_access_gossip import DOMAIN
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.errors import InvalidInput, MarketError
from wasmarket.kernel.units import Hash

pytestmark = pytest.mark.unit

ODD = [
    b'{"version":1e999}',
    b'{"version":-1e999}',
    b'{"version":NaN}',
    b'{"version":1.5}',
    b'{"version":-1}',
    b'{"version":' + b"9" * 4_000 + b"}",
    b'{"version":null}',
    b'{"version":"1"}',
    b'{"version":true}',
    b'{"version":[[[[]]]]}',
    b"[" * 4_000,
    b"[]",
    b"null",
    b"",
    b"\xff\xfe",
    b'{"version":9007199254740993}',
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMED = st.dictionaries(st.sampled_from(["version", "status", "detail"]), JSON)
BODIES = (
    st.binary()
    | JSON.map(lambda v: json.dumps(v).encode())
    | NAMED.map(lambda v: json.dumps(v).encode())
)
FUZZ = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(gossip, "CLAIM_SECONDS", 0.0)
    monkeypatch.setattr(gossip, "ASK_SECONDS", 0.2)


def talk(tmp_path, body, status=200):
    """Let a neighbour answer a peer that starts, and one that tells; return what both did."""
    deal = SimpleNamespace(id=7, developer="0x", endpoints=("http://bad", "http://good"))
    access = AccessFile(tmp_path / "access.json")
    hosted = SimpleNamespace(deal=deal, access=access, assignments={1: None})
    asked = []

    def answer(request):
        asked.append(request.url.host)
        if request.url.host == "good":
            return httpx.Response(200, stream=httpx.ByteStream(b'{"version": 0}'))
        return httpx.Response(status, stream=httpx.ByteStream(body))

    async def run():
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            gossip = AccessGossip(client, DOMAIN)
            await gossip.ask(hosted)
            await gossip.tell([hosted])

    asyncio.run(run())
    return asked


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_gossip__odd_answer_of_a_neighbour__others_are_told_and_nothing_raises(tmp_path, body):
    assert set(talk(tmp_path, body)) == {"bad", "good"}


@FUZZ
@given(body=BODIES.filter(lambda body: b'"version": ' not in body or b"-" in body))
def test_gossip__any_answer__never_raises(tmp_path_factory, body):
    talk(tmp_path_factory.mktemp("deal"), body)


class Odd(httpx.AsyncBaseTransport):
    """A neighbour at whose address the client itself fails."""

    def __init__(self, error):
        self.error = error

    async def handle_async_request(self, request):
        if request.url.host == "bad":
            raise self.error
        return httpx.Response(200, stream=httpx.ByteStream(b'{"version": 0}'))


def test_tell__error_nobody_foresaw__is_raised_once_all_others_were_told(tmp_path):
    deal = SimpleNamespace(id=7, developer="0x", endpoints=("http://bad", "http://good"))
    access = AccessFile(tmp_path / "access.json")
    hosted = SimpleNamespace(deal=deal, access=access, assignments={1: None})

    async def run():
        async with httpx.AsyncClient(transport=Odd(LookupError("a bug"))) as client:
            gossip = AccessGossip(client, DOMAIN)
            with pytest.raises(LookupError):
                await gossip.tell([hosted])
            return gossip._topics[7].talks["http://good"].said

    assert asyncio.run(run()) is not None


@pytest.mark.parametrize("endpoint", ["", "http://", "ftp://x", "http://[", "\x00", "http://a:b"])
def test_gossip__endpoint_that_is_no_url__is_passed_over(tmp_path, endpoint):
    deal = SimpleNamespace(id=7, developer="0x", endpoints=(endpoint,))
    hosted = SimpleNamespace(
        deal=deal, access=AccessFile(tmp_path / "access.json"), assignments={1: None}
    )

    async def run():
        async with httpx.AsyncClient(transport=httpx.MockTransport(_refuse)) as client:
            await AccessGossip(client, DOMAIN).tell([hosted])

    asyncio.run(run())


def _refuse(request):
    raise httpx.ConnectError("nobody is there", request=request)


class Endless(httpx.SyncByteStream):
    """A body that does not end."""

    def __iter__(self):
        while True:
            yield b" " * 65_536


def door(body, status=200):
    def answer(_):
        stream = httpx.ByteStream(body) if isinstance(body, bytes) else Endless()
        return httpx.Response(status, stream=stream)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    return MatcherDoor("http://matcher", client, DOMAIN, b"\x01" * 32, lambda: 1)


SIGNED = SimpleNamespace(body={"offer": {}, "signature": "0x"})


@FUZZ
@given(body=BODIES, status=st.sampled_from([200, 201, 400, 404, 409, 500]))
def test_matcher_door__any_answer__is_taken_or_a_market_error(body, status):
    there = door(body, status)
    for use in (lambda: there.post(SIGNED), lambda: there.withdraw(Hash("0x" + "11" * 32))):
        with suppress(MarketError):
            use()


NO_MATCHER = [*ODD, b'{"status":1}', b'{"status":null}', b"[1]"]


@pytest.mark.parametrize("body", NO_MATCHER, ids=range(len(NO_MATCHER)))
def test_post__answer_of_no_matcher__says_so(body):
    with pytest.raises(MarketError, match="does not answer as a matcher"):
        door(body).post(SIGNED)


def test_post__answer_without_an_end__is_cut_off():
    with pytest.raises(MarketError, match="too long"):
        door(None).post(SIGNED)


def test_door__url_that_is_none__is_a_market_error():
    http = httpx.Client(transport=httpx.MockTransport(_refuse))
    there = MatcherDoor("http://[", http, DOMAIN, b"\x01" * 32, lambda: 1)

    with pytest.raises(MarketError, match=r"is no URL|cannot be reached"):
        there.post(SIGNED)


@FUZZ
@given(st.binary() | JSON.map(lambda v: json.dumps(v).encode()))
def test_parse_access__anything__is_a_document_or_invalid_input(body):
    with suppress(InvalidInput, msgspec.DecodeError):
        parse_access(decode_json(body))


@pytest.mark.parametrize(
    "document",
    [
        {"version": 10**5_000, "mode": "keys"},
        {"version": 1, "mode": [10**5_000]},
        {"version": 1, "mode": "keys", "signers": [10**5_000]},
        {"version": 1, "mode": "keys", "key_hashes": [{}]},
        {"version": 1, "mode": "keys", "signers": [{}]},
        {"version": 1, "mode": "keys", "signers": [["0x"]]},
    ],
)
def test_parse_access__odd_types__are_invalid_input(document):
    with pytest.raises(InvalidInput):
        parse_access(document)


def test_ask__neighbour_has_a_document_that_never_comes__nobody_may_call(tmp_path, monkeypatch):
    monkeypatch.setattr(gossip, "ASK_SECONDS", 0.05)
    monkeypatch.setattr(gossip, "CLAIM_SECONDS", 0.2)
    deal = SimpleNamespace(id=7, developer="0x", endpoints=("http://peer",))
    access = AccessFile(tmp_path / "access.json")
    assert access.current.mode == "public"
    hosted = SimpleNamespace(deal=deal, access=access, assignments={1: None})

    def answer(_):
        return httpx.Response(200, stream=httpx.ByteStream(b'{"version": 4}'))

    async def run():
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            await AccessGossip(client, DOMAIN).ask(hosted)

    asyncio.run(run())

    assert access.current == NOBODY

"""Peers of a deal agree on who may call, whoever was told first."""

import asyncio
import json
from types import SimpleNamespace

import httpx
import pytest

from peer.access import Access, AccessFile, DeveloperDocument, verify_access
from peer.documents import gossip
from peer.documents.access_gossip import AccessGossip
from tests.peer.peer_runner import GREETING, publish, wait_until
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.errors import Forbidden, InvalidSignature, Unauthorized
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.typed_data import market_domain

DOMAIN = market_domain(31_337, "0x" + "11" * 20)


def sign(account, version=1, *, deal=7, mode="public", signers=()):
    target = f"/v1/deals/{deal}/access"
    body = json.dumps({"version": version, "mode": mode, "signers": list(signers)})
    nonce = to_hash(version.to_bytes(32, "big"))
    header = sign_request(Request("PUT", target, body.encode(), 60, nonce), DOMAIN, account.key)
    return DeveloperDocument(target, body, header)


@pytest.fixture
def developer():
    return Account.from_key(b"\x07" * 32)


@pytest.mark.unit
def test_verify__signed_by_the_developer__long_expired__is_read(developer):
    signed = sign(developer, 3, mode="signers", signers=[developer.address])

    access = verify_access(signed, 7, developer.address, DOMAIN)

    assert access == Access(3, "signers", (developer.address,))


@pytest.mark.unit
@pytest.mark.parametrize("forge", ["other deal", "other account", "other body", "no scheme"])
def test_verify__anything_else__is_refused(developer, forge):
    signed = sign(developer)
    match forge:
        case "other deal":
            signed = sign(developer, deal=8)
        case "other account":
            signed = sign(Account.from_key(b"\x08" * 32))
        case "other body":
            signed = DeveloperDocument(signed.target, '{"version": 9}', signed.authorization)
        case "no scheme":
            signed = DeveloperDocument(signed.target, signed.body, "Bearer x")

    with pytest.raises((Forbidden, InvalidSignature, Unauthorized)):
        verify_access(signed, 7, developer.address, DOMAIN)


@pytest.mark.unit
def test_adopt__any_order_of_documents__ends_with_the_same(tmp_path, developer):
    documents = [sign(developer, v, mode=m) for v in (1, 2) for m in ("public", "keys", "signers")]
    ends = set()
    for name, order in (("a", documents), ("b", documents[::-1])):
        file = AccessFile(tmp_path / f"{name}.json")
        for signed in order:
            file.adopt(verify_access(signed, 7, developer.address, DOMAIN), signed)
        ends.add((file.current, file.signed))
        again = AccessFile(tmp_path / f"{name}.json")
        assert (again.current, again.state) == (file.current, file.state)

    assert len(ends) == 1
    assert ends.pop()[0].version == 2


class Strange(httpx.AsyncBaseTransport):
    """A peer of the deal that answers as no peer does; counts what was read of it."""

    def __init__(self, status, part, pause=0.0):
        self.status, self.part, self.pause = status, part, pause
        self.read = 0

    async def handle_async_request(self, request):
        return httpx.Response(self.status, content=self.parts())

    async def parts(self):
        while True:
            await asyncio.sleep(self.pause)
            self.read += len(self.part)
            yield self.part


@pytest.mark.unit
@pytest.mark.parametrize(
    ("status", "part", "pause"), [(200, b"9" * 1024, 0.0), (500, b"x", 0.0), (200, b" ", 0.05)]
)
def test_gossip__answer_without_an_end__costs_little_and_ends(
    tmp_path, monkeypatch, status, part, pause
):
    monkeypatch.setattr(gossip, "ASK_SECONDS", 0.3)
    strange = Strange(status, part, pause)
    deal = SimpleNamespace(id=7, developer="0x", endpoints=("http://peer",))
    hosted = SimpleNamespace(deal=deal, access=AccessFile(tmp_path / "access.json"))

    async def ask():
        async with httpx.AsyncClient(transport=strange) as client:
            await AccessGossip(client, DOMAIN).ask(hosted)

    asyncio.run(ask())

    assert strange.read <= 8 * 1024


@pytest.mark.e2e
def test_gossip__one_peer_is_told__all_obey_also_those_that_come_later(world, make_peer):
    peers = [make_peer() for _ in range(3)]
    for peer in peers:
        peer.start()
        peer.move()
    first, second, third = peers
    app = publish(first.blocks, GREETING.read_bytes())
    for peer in (second, third):
        publish(peer.blocks, GREETING.read_bytes())
    deal = world.match(app, [peer.number for peer in peers]).deal
    for peer in peers:
        peer.wait_for_state(deal, "serving")
    second.stop()

    put(first, deal, 1, "signers", [world.stranger.address])
    put(third, deal, 2, "keys", [])
    wait_for_version(first, deal, 2)
    second.start()
    second.move()

    wait_for_version(second, deal, 2)
    second.wait_for_state(deal, "serving")
    for peer in peers:
        assert peer.call(deal, "greeting", ["x"]).status_code == 401


@pytest.mark.e2e
def test_gossip__what_strangers_say__changes_nothing(world, make_peer):
    peer = make_peer()
    peer.start()
    deal = world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number]).deal
    peer.wait_for_state(deal, "serving")
    forged = sign(world.stranger, 9, deal=deal, mode="keys")
    body = {"target": forged.target, "body": forged.body, "authorization": forged.authorization}

    told = say(peer, deal, {"version": 9, "document": body})
    asked = say(peer, deal, {"version": 0})

    assert told.status_code in (400, 403)
    assert asked.json() == {"version": 0}
    assert say(peer, deal, {"version": -1}).status_code == 400
    assert say(peer, deal, {"version": 1, "document": "x" * 500_000}).status_code == 413
    assert say(peer, deal + 1_000, {"version": 0}).status_code == 404
    assert peer.call(deal, "greeting", ["x"]).status_code == 200


def say(peer, deal, value):
    return httpx.put(f"{peer.url}/v1/deals/{deal}/access/copy", json=value, trust_env=False)


def put(peer, deal, version, mode, signers):
    document = {"version": version, "mode": mode, "signers": signers}
    answer = peer.signed("PUT", f"/v1/deals/{deal}/access", json.dumps(document).encode())
    assert answer.status_code == 200, answer.text


def wait_for_version(peer, deal, version):
    wait_until(
        f"peer {peer.number} has version {version}",
        lambda: peer.get(f"/v1/deals/{deal}").json().get("access_version") == version,
    )

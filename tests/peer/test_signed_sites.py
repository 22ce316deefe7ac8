"""Sites that only some accounts may visit: signed requests through a gateway to a real peer."""

import pytest

from examples.build import EXAMPLES
from tests.peer.peer_runner import publish
from tests.peer.real_gateway import RealGateway
from wasmarket.kernel.documents.app_parts import Limits, Site

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

WASM = EXAMPLES / "site" / "site.wasm"
NOTE = b"note=mine&by=Ada"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def app(peer):
    site = Site("web", "answer")
    limits = Limits(call_ms=2_000)
    return publish(
        peer.blocks, WASM.read_bytes(), name="web", site=site, limits=limits, memory=64 << 20
    )


@pytest.fixture(scope="module")
def deals(world, peer, app):
    """Two deals with the site that only the developer may visit."""
    numbers = [world.match(app, [peer.number]).deal for _ in range(2)]
    document = b'{"version": 1, "mode": "signers", "signers": ["%s"]}'
    for number in numbers:
        peer.wait_for_state(number, "serving")
        body = document % world.developer.address.encode()
        peer.signed("PUT", f"/v1/deals/{number}/access", body).raise_for_status()
    return numbers


@pytest.fixture
def visit(world, peer, app, deals, tmp_path):
    """A function that visits the first deal's site through a gateway, signed or not."""
    deal = deals[0]
    gateway = RealGateway(world, deal, (peer,), app)

    def send(method, path, body=b"", *, signed=None, by=None, headers=None):
        sent = dict(headers or {})
        if signed is not None:
            sent |= peer.sign(method, signed, body, by)
        return gateway.send(tmp_path, method, path, body, sent, aliases={"shop": deal})

    return send


def test_site__signed_by_a_listed_account__is_answered(visit, deals):
    deal = deals[0]

    page = visit("GET", f"/{deal}/?a=1", signed=f"/{deal}/?a=1")
    head = visit("HEAD", f"/{deal}/style.css", signed=f"/{deal}/style.css")
    posted = visit("POST", f"/{deal}/notes", NOTE, signed=f"/{deal}/notes", headers=FORM)

    assert (page.status_code, "Hello" in page.text) == (200, True)
    assert (head.status_code, head.content) == (200, b"")
    assert posted.status_code == 303


def test_site__by_an_alias__is_signed_by_its_deal(visit, deals):
    right = visit("GET", "/shop/notes.json", signed=f"/{deals[0]}/notes.json")
    wrong = visit("GET", "/shop/notes.json", signed="/shop/notes.json")

    assert right.status_code == 200
    assert (wrong.status_code, wrong.json()["type"]) == (400, "urn:wasmarket:invalid-signature")
    assert f"GET /{deals[0]}/notes.json" in wrong.json()["remedy"]


def test_site__not_signed_or_by_a_stranger__is_refused_with_a_remedy(world, visit, deals):
    path = f"/{deals[0]}/"

    unsigned = visit("GET", path)
    stranger = visit("GET", path, signed=path, by=world.stranger)

    assert (unsigned.status_code, "Wasmarket <address>" in unsigned.json()["remedy"]) == (401, True)
    assert stranger.status_code == 403


@pytest.mark.parametrize("changed", ["method", "path", "body", "deal"])
def test_site__signed_for_something_else__is_refused(visit, deals, peer, changed):
    path = f"/{deals[0]}/notes"
    method = "PUT" if changed == "method" else "POST"
    target = {"path": path + "x", "deal": f"/{deals[1]}/notes"}.get(changed, path)
    body = NOTE + b"!" if changed == "body" else NOTE
    headers = FORM | peer.sign(method, target, body)

    answer = visit("POST", path, NOTE, headers=headers)

    assert (answer.status_code, answer.json()["field"]) == (400, "Authorization")


def test_site__sent_again__is_refused(visit, deals, peer):
    path = f"/{deals[0]}/notes"
    headers = FORM | peer.sign("POST", path, NOTE)

    answers = [visit("POST", path, NOTE, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 409]

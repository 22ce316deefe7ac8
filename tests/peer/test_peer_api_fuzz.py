"""The peer's API, fuzzed against its own OpenAPI page: a real peer that serves a real deal."""

import pytest

from tests.peer.peer_runner import GREETING, publish
from tests.wasmarket.serving.fuzzing import fuzz, list_operations, load_served_page

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(600)]

REFUSALS = ("urn:wasmarket:call-refused", "urn:wasmarket:not-acceptable")
"""What no schema can say: which arguments a function takes, what goes with an Accept header."""
FIELDS = ("cursor", "peers", "entity-bytes")
"""A cursor is the server's own; no pattern says which ids of peers are those of a key, or how long
a file is."""
PARTICLES = "/v1/particles"
"""Takes bytes, of which no schema says which are a particle."""
DEVELOPERS = ("/access", "/logs", "/stats")
"""Ends of paths that only the deal's developer may read or write, by a signed request."""


@pytest.fixture(scope="module")
def known(world, peer):
    """What exists: a deal that serves, a call that has a receipt, a block that is here."""
    app = publish(peer.blocks, GREETING.read_bytes())
    deal = world.match(app, [peer.number]).deal
    peer.wait_for_state(deal, "serving")
    answer = peer.call(deal, "greeting", ["you"])
    sequence = int(answer.headers["wasmarket-receipt"].split(":")[1])
    return {
        "deal": deal,
        "service": "greeting",
        "function": "greeting",
        "epoch": peer.get("/v1/status").json()["extra"]["epoch"],
        "sequence": sequence,
        "cid": peer.get(f"/v1/deals/{deal}").json()["cid"],
    }


@pytest.fixture(scope="module")
def page(peer):
    return load_served_page(peer.url)


# Who may call is changed last: it may end with nobody.
OPERATIONS = sorted(list_operations("peer"), key=lambda operation: "/access" in operation[0])


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda part: part.replace("/", "-"))
def test_api__whatever_is_asked__is_answered_as_the_page_says(peer, page, known, path, method):
    def sign(request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        request.headers.update(peer.sign(request.method, request.path_url, body))
        return request

    def may_refuse(problem):
        is_no_particle = path == PARTICLES and method == "post"
        return is_no_particle or problem["type"] in REFUSALS or problem.get("field") in FIELDS

    auth = sign if path.endswith(DEVELOPERS) else None
    fuzz(page, path, method, known=known, may_refuse=may_refuse, auth=auth)

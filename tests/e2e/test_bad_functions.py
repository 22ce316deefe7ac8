"""Functions that misbehave cost their own call, and nobody else's."""

import pytest

from tests.e2e.market_driver import write_app
from tests.peer.apps import build_hostile

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def hostile(market, tmp_path_factory):
    """A deal of functions that misbehave in every way, and one that does not."""
    app = write_app(
        tmp_path_factory.mktemp("hostile"),
        build_hostile(),
        health='{ service = "guest", function = "health" }',
    )
    return market.deploy(app, only="beta")


@pytest.mark.parametrize(
    ("function", "status", "slug", "code"),
    [
        ("trap", 502, "guest-trap", 1),
        ("spin", 504, "guest-time", 5),
        ("bomb", 502, "guest-memory", 1),
        ("flood", 502, "guest-output", 1),
    ],
)
def test_call__function_that_misbehaves__fails_alone(
    market, deal, hostile, function, status, slug, code
):
    answer = market.call(hostile, f"guest/{function}")
    ran = market.run("call", hostile, f"guest.{function}")

    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wasmarket:{slug}")
    assert answer.headers["wasmarket-peer"] == "3"
    assert answer.headers["wasmarket-receipt"]
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("wasmarket: ")
    assert "Traceback" not in ran.err
    assert market.call(hostile, "guest/number").json() == {"result": 7}
    assert market.call(deal, "greeting/greeting", ["x"]).json() == {"result": "Hi, x"}


@pytest.mark.parametrize(
    ("target", "value", "status", "slug"),
    [
        ("guest/number", [1], 400, "call-refused"),
        ("guest/nothing", [], 404, "function-not-found"),
        ("nothing/number", [], 404, "not-found"),
        ("guest/number", "text", 400, "call-refused"),
    ],
)
def test_call__that_does_not_fit__is_refused(market, hostile, target, value, status, slug):
    answer = market.call(hostile, target, value)

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wasmarket:{slug}")


def test_call__larger_than_the_app_takes__is_refused(market, deal):
    answer = market.call(deal, "greeting/greeting", ["x" * 1_048_577])

    assert (answer.status_code, answer.json()["type"]) == (413, "urn:wasmarket:too-large")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/deals/9999/greeting/greeting", 404),
        ("/v1/deals/0/greeting/greeting", 400),
        ("/v1/deals/18446744073709551616/greeting/greeting", 400),
        ("/v1/deals/nonsense/greeting/greeting", 400),
        ("/v1/deals/-1/greeting/greeting", 400),
        ("/noalias/greeting/greeting", 404),
    ],
)
def test_call__no_such_deal__is_a_problem(market, path, status):
    gateway = market.client().gateway

    answer = gateway._http.post(gateway.url + path, json=[])

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == status, answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]

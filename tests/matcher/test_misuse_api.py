"""What a caller does wrong is told: which field, and what to do instead."""

import pytest

from tests.matcher.fake_town import FakeTown
from tests.wasmarket.store.stores import copy_store

pytestmark = pytest.mark.unit

JSON = {"Content-Type": "application/json"}
UNKNOWN = "0x" + "00" * 32


@pytest.fixture(scope="module")
def town(template, tmp_path_factory):
    database = copy_store(template, tmp_path_factory.mktemp("misuse") / "store.sqlite")
    yield FakeTown(database)
    database.close()


def problem(answer):
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = answer.json()
    assert told["remedy"]
    return answer.status_code, told.get("field"), told["detail"]


@pytest.mark.parametrize(
    ("body", "headers", "field", "detail"),
    [
        (b"", JSON, None, "the request has no body"),
        (b"{", JSON, None, "the body is not JSON"),
        (b'{"units": 1}', {"Content-Type": "text/plain"}, "Content-Type", "not said to be JSON"),
        (b"[]", JSON, None, "the body: "),
        (b'{"units": 1, "colour": "red"}', JSON, "colour", "colour"),
        (b'{"units": -1}', JSON, "units", "greater than or equal to 1"),
        (b'{"units": 70000}', JSON, "units", "less than 65536"),
        (b'{"units": 1, "max_price": -4}', JSON, "max_price", "whole number from 0 to 2^256"),
        (b'{"units": 1, "deposit": "1e3"}', JSON, "deposit", "decimal string"),
        (b'{"units": 1, "traits": 1.5}', JSON, "traits", "decimal string"),
        (b'{"units": 1, "providers": ["0x1"]}', JSON, "providers", "not an address"),
    ],
)
def test_body__wrong__names_what_is(town, body, headers, field, detail):
    status, named, told = problem(town.http.post("/v1/quotes", content=body, headers=headers))

    assert (status, named) == (400, field)
    assert detail in told


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("/v1/peers?providr=0x1", "providr"),
        ("/v1/statistics?x=1", "x"),
        ("/v1/developer-offers?cursor=abc", "cursor"),
        ("/v1/deals?limit=1001", "limit"),
        ("/v1/deals?developer=me", "developer"),
        ("/v1/book/depth?traits=-1", "traits"),
        ("/v1/events?names=Matched,Nonsense", "names"),
    ],
)
def test_query__wrong__names_the_parameter(town, target, field):
    assert problem(town.http.get(target))[:2] == (400, field)


@pytest.mark.parametrize(
    "target",
    [
        "/v1/deals/9",
        "/v1/assignments/9",
        "/v1/peers/9",
        "/v1/matches/9",
        f"/v1/books/{UNKNOWN}",
        f"/v1/developer-offers/{UNKNOWN}",
        f"/v1/provider-offers/{UNKNOWN}",
        "/v1/providers/0x" + "11" * 20,
    ],
)
def test_path__of_nothing__says_where_to_look(town, target):
    assert problem(town.http.get(target))[0] == 404

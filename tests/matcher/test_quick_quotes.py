"""Quotes answered in front of the framework are the framework's own, byte for byte in meaning."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.api.requirements import read_quickly
from tests.matcher.fake_town import FakeTown
from tests.wasmarket.store.stores import copy_store

pytestmark = pytest.mark.unit

SLOWLY = {"content-type": "application/json; charset=utf-8"}
QUICKLY = {"content-type": "application/json"}
PLAIN = {"units": 3}


@pytest.fixture(scope="module")
def town(template, tmp_path_factory):
    database = copy_store(template, tmp_path_factory.mktemp("quotes") / "store.sqlite")
    town = FakeTown(database, book_seconds=1_000.0)
    for number, price in enumerate((10, 12, 12, 30), 1):
        town.register_peer(number, region=number % 3, traits=number % 2, memory_mib=512 * number)
        town.post_ask(town.ask(number, price))
    yield town
    database.close()


def ask(town, body, headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = town.http.post("/v1/quotes", content=content, headers=headers)
    told = answer.json()
    if answer.status_code >= 400:
        told.pop("request_id")
    return answer.status_code, answer.headers["content-type"], told


amounts = st.sampled_from([0, 1, "0", "1", "513", "20", 2**70, str(2**255), "-1", "x", 1.0, None])
counts = st.sampled_from([0, 1, 2, 3, 9, 65_535, 65_536, "2", 2.0, True, None])
bodies = st.fixed_dictionaries(
    {},
    optional={
        "units": counts,
        "min_units": counts,
        "max_units_per_provider": amounts,
        "min_regions": counts,
        "max_price": amounts,
        "deposit": amounts,
        "min_memory_mib": amounts,
        "regions": amounts,
        "traits": amounts,
        "providers": st.lists(st.sampled_from(["0x" + "0" * 40, "0x1", 7]), max_size=2),
        "providers_mode": counts,
        "developer": st.sampled_from([None, "0x" + "1" * 40, "me"]),
        "other": st.just(1),
    },
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=bodies)
def test_quote__any_requirement__quick_and_slow_answers_agree(town, body):
    ask(town, PLAIN, SLOWLY)

    assert ask(town, body, QUICKLY) == ask(town, body, SLOWLY)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"units": 1}x'])
def test_quote__no_requirement__quick_and_slow_answers_agree(town, body):
    assert ask(town, body, QUICKLY) == ask(town, body, SLOWLY)


def test_quote__body_larger_than_it_said__is_refused(town):
    async def chunks():
        for _ in range(70):
            yield b" " * 1_000

    for headers in (QUICKLY, SLOWLY):
        answer = town.http.post("/v1/quotes", content=chunks(), headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:wasmarket:too-large")


def test_quote__book_known__is_answered_without_the_framework(town, monkeypatch):
    ask(town, PLAIN, SLOWLY)
    monkeypatch.setattr("matcher.orderbook.reader.BookReader.reading", None)

    status, _, curve = ask(town, PLAIN, QUICKLY)

    assert (status, curve[0]) == (200, {"units": 3, "total": "30", "price_max": "10"})


def test_quote__book_is_old__is_answered_and_looked_for_changes_beside_it(town, monkeypatch):
    ask(town, PLAIN, SLOWLY)
    looks = []
    monkeypatch.setattr("matcher.orderbook.reader.BookReader.reading", None)
    monkeypatch.setattr("matcher.orderbook.reader.BookReader.claim_look", lambda self: True)
    monkeypatch.setattr("matcher.orderbook.reader.BookReader.look", lambda _: looks.append(1))

    status, _, _ = ask(town, PLAIN, QUICKLY)

    assert (status, len(looks)) == (200, 1)


def test_quote__offer_came_in__is_in_the_next_quote(town):
    before = ask(town, {"units": 1}, QUICKLY)
    town.post_ask(town.ask(1, 1, salt=5))

    after = ask(town, {"units": 1}, QUICKLY)

    assert (before[2][0]["total"], after[2][0]["total"]) == ("10", "1")


def test_read_quickly__everything_given__is_what_was_asked():
    demand = read_quickly(
        b'{"units":5,"min_units":2,"max_price":"100","regions":"6","providers":["0x'
        + b"1" * 40
        + b'"],"providers_mode":1}'
    )

    offer = demand.offer
    assert (offer.units, offer.min_units, offer.max_price, offer.regions) == (5, 2, 100, 6)
    assert (offer.providers, offer.providers_mode) == (("0x" + "1" * 40,), 1)
    assert read_quickly(b'{"units":0}') is None

"""What a question costs is what was asked: statements of the store, HTTP clients, recoveries."""

from contextlib import contextmanager

import pytest
from sqlalchemy import event

from matcher.offers import app_traits
from wasmarket.kernel.signing import typed_data

pytestmark = pytest.mark.unit


@contextmanager
def counting(database):
    """Count the statements and the writing transactions of a store."""
    seen = {"statements": 0, "writes": 0, "reads": 0}

    def note(_connection, _cursor, statement, *_):
        if statement.startswith("BEGIN"):
            seen["writes" if "IMMEDIATE" in statement else "reads"] += 1
        else:
            seen["statements"] += 1

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_post_developer_offer__new__is_one_read_and_one_write(town):
    town.post_bid(town.bid(salt=1))

    with counting(town.database) as seen:
        answer = town.post_bid(town.bid(salt=2))

    assert answer.status_code == 201
    assert (seen["reads"], seen["writes"]) == (1, 1)
    assert seen["statements"] <= 9


def test_post_provider_offer__new__is_one_read_and_one_write(town):
    town.register_peer()

    with counting(town.database) as seen:
        answer = town.post_ask(town.ask())

    assert answer.status_code == 201
    assert (seen["reads"], seen["writes"]) == (1, 1)


def test_list_developer_offers__ten_times_as_many__costs_no_more_statements(town):
    def cost(count):
        for salt in range(count):
            town.post_bid(town.bid(salt=count * 1_000 + salt))
        with counting(town.database) as seen:
            assert town.http.get("/v1/developer-offers?limit=1000").status_code == 200
        return seen["statements"]

    few, many = cost(2), cost(20)

    assert many == few


def test_post_developer_offer__apps_that_nobody_has__share_one_http_client(town, monkeypatch):
    made = []
    real = app_traits.httpx.AsyncClient

    def count(*args, **options):
        made.append(1)
        return real(*args, **options)

    town.post_bid(town.bid(salt=1))
    monkeypatch.setattr(app_traits.httpx, "AsyncClient", count)
    for salt in range(2, 5):
        assert town.post_bid(town.bid(salt=salt, app="0x" + f"{salt:02x}" * 32)).status_code == 201

    # The test's own requests make one each.
    assert len(made) == 3


def test_hash_offer__of_a_post__is_made_once(town, monkeypatch):
    body = town.signed(town.bid(), town.developer)
    hashed = []
    real = typed_data.hash_offer

    def count(offer):
        hashed.append(offer)
        return real(offer)

    for module in ("matcher.offers.intake", "wasmarket.store.matching.offers"):
        monkeypatch.setattr(f"{module}.hash_offer", count)

    assert town.http.post("/v1/developer-offers", json=body).status_code == 201
    assert len(hashed) == 1

"""Wishes for a latency: gateways' measurements are taken in, exclude who is slow, and are shown."""

import json
from dataclasses import replace

import pytest

from matcher.engine.facts import LATENCY_SECONDS
from matcher.orderbook.document import load_book, replay
from matcher.verify.findings import Findings
from matcher.verify.history import History
from matcher.verify.wishes import check_wishes
from tests.matcher.fake_town import FakeTown
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.matching.book_documents import fetch_book
from wasmarket.store.matching.matches import fetch_latest_matches

pytestmark = pytest.mark.unit

GATEWAY, OTHER = "http://gw.example", "http://other.example"
WISH = {"max_latency_ms": 80, "gateway": GATEWAY}


@pytest.fixture
def town(database):
    """Three peers, the cheapest slow by one gateway, the next quick, the dearest not measured."""
    town = FakeTown(database, measuring_gateways=(f"{GATEWAY}/", OTHER))
    for number, price in ((1, 10), (2, 20), (3, 30)):
        town.register_peer(number)
        town.post_ask(town.ask(peer=number, price=price))
    town.fund()
    town.measure(GATEWAY, 1, us=150_000)
    town.measure(GATEWAY, 2, us=80_000)
    town.measure(OTHER, 2, us=900_000)
    town.ask_gateways()
    return town


def quote(town, wish, units=12):
    """Return which prices units like these have, cheapest first."""
    answer = town.http.post("/v1/quotes", json={"units": units, "wish": wish})
    return [point["price_max"] for point in answer.json()]


def latencies(town, query=""):
    items = town.http.get(f"/v1/latencies?{query}").json()["items"]
    return [(entry["gateway"], entry["peer"], entry["ms"]) for entry in items]


def match_with(town, wish=WISH):
    """Let a bid be matched; return what the book of its record holds."""
    bid = town.bid(units=8, deposit=10_000)
    assert town.post_bid(bid, wish=wish).status_code == 201
    town.turn()
    with town.database.read() as session:
        [record] = fetch_latest_matches(session, before=None, limit=9)
        return json.loads(fetch_book(session, record.book))


def peers_of(book):
    [match] = replay(load_book(json.dumps(book).encode())).matches
    return [fill.ask.offer.peer for fill in match.fills]


class Chain:
    """As much of a node as wishes are checked against."""

    def __init__(self, town):
        self.deployment, self.domain = town.deployment, town.domain


def verify(book, town):
    findings = Findings()
    document = load_book(json.dumps(book).encode())
    check_wishes(document, Chain(town), History(10**9, keys={}), findings)
    return findings


def test_quote__latency_wished__leaves_out_who_is_slow_and_keeps_who_was_not_measured(town):
    assert quote(town, {})[0] == "10"
    assert set(quote(town, WISH)) == {"20", "30"}
    assert set(quote(town, WISH | {"gateway": OTHER})) == {"10", "30"}
    assert set(quote(town, WISH | {"max_latency_ms": 149})) == {"20", "30"}
    assert set(quote(town, WISH | {"max_latency_ms": 150})) == {"10", "20", "30"}


def test_match__latency_wished__record_names_whose_measurement_and_of_when(town):
    measured_at = town.chain.head.timestamp
    book = match_with(town)

    assert peers_of(book) == [2, 3]
    told = {entry["peer"]: entry["latencies"] for entry in book["facts"]}
    seen = {"gateway": GATEWAY, "region": "DE", "answers": 50, "at": measured_at}
    assert told == {1: [seen | {"ms": 150}], 2: [seen | {"ms": 80}]}
    findings = verify(book, town)
    assert findings.differences == []
    assert any("peer 1, by http://gw.example: 150 ms" in note for note in findings.notes)


def test_match__measurement_left_out_of_the_record__gives_other_fills(town):
    book = match_with(town)
    book["facts"] = [entry for entry in book["facts"] if entry["peer"] != 1]

    assert peers_of(book) == [1, 2]


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("at", lambda now: now - LATENCY_SECONDS - 1, "latency"),
        ("at", lambda now: now + 10_000, "latency"),
        ("answers", lambda _: 19, "answers"),
    ],
)
def test_verify__measurement_that_could_not_count__is_named(town, member, value, field):
    book = match_with(town)
    book["facts"][0]["latencies"][0][member] = value(book["time"])

    [difference] = verify(book, town).differences

    assert (difference.where, difference.field) == (f"peer 1, by {GATEWAY}", field)


def test_explain__latency_wished__says_whose_figures_and_of_whom_there_are_none(town):
    bid = town.bid(units=12, min_units=12, deposit=10_000)
    town.post_bid(bid, wish=WISH)

    told = town.http.get(f"/v1/developer-offers/{hash_offer(bid)}/explain").json()
    town.turn()

    excluded = {row["constraint"]: row["alone"] for row in told["excluded"]}
    assert excluded["max_latency_ms"] == {"peers": 1, "units": 4}
    [change] = [row for row in told["relaxations"] if row["field"] == "max_latency_ms"]
    assert (change["from"], change["to"], change["units"], change["peers"]) == ("80", "150", 12, 1)
    [note] = told["notes"]
    assert f"{GATEWAY} (DE) measured 2 of the 3 peers" in note
    assert "1 above 80 ms" in note
    assert "the 1 that it did not measure are not excluded" in note
    assert note in town.status(bid)["reasons"]


def test_explain__gateway_measured_nobody_on_offer__says_that_the_wish_excludes_nobody(database):
    town = FakeTown(database, measuring_gateways=(GATEWAY,))
    town.register_peer(1)
    town.post_ask(town.ask(peer=1))
    bid = town.bid(units=12, min_units=12, deposit=10_000)
    town.post_bid(bid, wish=WISH)

    [note] = town.http.get(f"/v1/developer-offers/{hash_offer(bid)}/explain").json()["notes"]

    assert "measured none of the 1 peers" in note
    assert "excludes nobody" in note


@pytest.mark.parametrize("taken", [(), (OTHER,)])
def test_wish__by_a_gateway_that_is_not_taken__is_refused_and_says_which_are(database, taken):
    town = FakeTown(database, measuring_gateways=taken)
    bid = town.bid()

    answers = [
        town.http.post("/v1/quotes", json={"units": 1, "wish": WISH}),
        town.post_bid(bid, wish=WISH),
    ]

    for answer in answers:
        assert answer.status_code == 400
        assert answer.json()["field"] == "wish.gateway"
        assert (OTHER in answer.json()["remedy"]) == bool(taken)


def test_latency__of_few_answers_or_long_ago__does_not_count(town):
    town.measure(OTHER, 1, us=900_000, answered=19)
    town.measure(OTHER, 3, us=900_000, ago=LATENCY_SECONDS)
    town.measure(OTHER, 4, us=None)
    town.ask_gateways()

    assert latencies(town, f"gateway={OTHER}") == [(OTHER, 2, 900)]


def test_latency__grows_too_old__excludes_nobody_any_more(town):
    assert "10" not in quote(town, WISH)

    town.chain.mine(timestamp=town.chain.head.timestamp + LATENCY_SECONDS + 1)
    town.index()

    assert quote(town, WISH)[0] == "10"
    assert latencies(town) == []
    assert [row["peers"] for row in town.http.get("/v1/measuring-gateways").json()] == [0, 0]


def test_latency__peer_grew_quicker__is_let_in_again(town):
    assert "10" not in quote(town, WISH)

    town.measure(GATEWAY, 1, us=5_000)
    town.ask_gateways()

    assert quote(town, WISH)[0] == "10"


def test_latency__nothing_new__changes_nothing_for_a_quarter_of_an_hour(town):
    assert town.ask_gateways() == 0
    town.chain.mine(timestamp=town.chain.head.timestamp + 899)
    town.wall += 899
    for number, us in ((1, 150_000), (2, 80_000)):
        town.measure(GATEWAY, number, us=us)
    assert town.ask_gateways() == 0

    town.chain.mine(timestamp=town.chain.head.timestamp + 1)
    town.wall += 1
    town.measure(GATEWAY, 1, us=150_000)
    assert town.ask_gateways() == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"x" * (2**20 + 1),
        b"[" * 20_000,
        b"{}",
        b"\xff",
        b'{"measured_by":{"region":"\\u202e"},"peers":[]}',
        b'{"measured_by":{},"peers":[{"peer":1,"last_at":1,"answered":99,"p90_us":-1}]}',
        b'{"measured_by":{},"peers":[{"peer":99999999999999999999,"last_at":1,"answered":1}]}',
    ],
    ids=["large", "deep", "empty", "no_text", "bidi", "negative", "huge"],
)
def test_latency__gateway_answers_with_something_else__what_it_said_before_counts(town, answer):
    before = latencies(town)
    town.measured[GATEWAY] = answer

    assert town.ask_gateways() == 0

    assert latencies(town) == before


def test_latency__gateway_is_silent__the_other_is_heard(town):
    del town.measured[GATEWAY]
    town.measure(OTHER, 3, us=900_000)

    assert town.ask_gateways() == 1
    assert (OTHER, 3, 900) in latencies(town)


def test_latency__gateway_taken_out_of_the_settings__counts_no_more(town):
    town.settings = replace(town.settings, measuring_gateways=(OTHER,))

    town.build().latencies.step()

    assert latencies(town) == [(OTHER, 2, 900)]


def test_latencies__more_than_a_page__all_are_read_and_listed_page_by_page(town):
    for number in range(1, 1_202):
        town.measure(OTHER, number, us=1_000)

    assert town.ask_gateways() == 1_201
    page = town.http.get(f"/v1/latencies?gateway={OTHER}&limit=500").json()
    following = town.http.get(f"/v1/latencies?gateway={OTHER}&limit=500&cursor={page['next']}")
    assert [entry["peer"] for entry in following.json()["items"]] == list(range(501, 1_001))
    assert latencies(town, "peer=1201") == [(OTHER, 1_201, 1)]


def test_measuring_gateways__are_those_of_the_settings_with_what_there_is_of_each(town):
    now = town.chain.head.timestamp

    assert town.http.get("/v1/measuring-gateways").json() == [
        {"gateway": GATEWAY, "region": "DE", "peers": 2, "oldest": now, "newest": now},
        {"gateway": OTHER, "region": "DE", "peers": 1, "oldest": now, "newest": now},
    ]

"""`match verify` of a round with wishes: what was tampered with is found, and named."""

import json
from dataclasses import dataclass

import pytest

from matcher.engine.facts import PeerHistory
from matcher.orderbook.document import dump_book, load_book, replay
from matcher.verify.findings import Findings
from matcher.verify.history import History
from matcher.verify.wishes import check_wishes
from tests.matcher.fake_town import FakeTown, peer_key
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.errors import BadContent
from wasmarket.kernel.regions import region_index
from wasmarket.store.matching.book_documents import fetch_book
from wasmarket.store.matching.matches import fetch_latest_matches

pytestmark = pytest.mark.unit

FSN, NBG = "hetzner-fsn1", "hetzner-nbg1"
WISH = {"data_centers": [FSN], "max_evictions": 0, "budget_per_month": "1000000000"}


@dataclass
class Chain:
    """As much of a node as wishes are checked against."""

    deployment: object
    domain: object


def verify(content, town, evictions=0):
    """Return what differs from a chain with these keys, where peer 2 was evicted so often."""
    document = load_book(content)
    keys = {n: to_hash(peer_key(n).public_key().public_bytes_raw()) for n in (1, 2)}
    findings = Findings()

    def count(_, block, peer):
        assert block == document.head.block
        return PeerHistory(None, evictions if peer == 2 else 0, 0)

    check_wishes(
        document,
        Chain(town.deployment, town.domain),
        History(10**9, keys=keys),
        findings,
        count,
    )
    return [(entry.where.split()[0], entry.field) for entry in findings.differences]


@pytest.fixture
def town(database):
    town = FakeTown(database, peer_check_seconds=60)
    for number, price in ((1, 10), (2, 20)):
        town.register_peer(number, region=region_index("DE"))
        town.post_ask(town.ask(peer=number, price=price))
    town.fund()
    town.say(1, site=NBG)
    town.say(2, site=FSN)
    town.ask_peers()
    town.post_bid(town.bid(units=2, deposit=10_000), wish=WISH)
    town.turn()
    return town


@pytest.fixture
def book(town):
    with town.database.read() as session:
        [record] = fetch_latest_matches(session, before=None, limit=9)
        return fetch_book(session, record.book)


def test_check__honest_book__has_no_difference_and_the_same_bytes_when_written_again(town, book):
    document = load_book(book)

    assert verify(book, town) == []
    again = dump_book(
        document.head,
        document.book,
        document.demands,
        document.signatures,
        document.absent,
        unreachable=document.unreachable,
        evidence=document.evidence,
    )
    assert again == book
    [match] = replay(document).matches
    assert [fill.ask.offer.peer for fill in match.fills] == [2]


def test_replay__wish_taken_out__gives_another_match(book):
    told = json.loads(book)
    del told["demands"][0]["wish"]
    del told["demands"][0]["epoch_seconds"]

    [match] = replay(load_book(json.dumps(told).encode())).matches

    assert [fill.ask.offer.peer for fill in match.fills] == [1]


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        (("demands", 0, "wish", "wish"), {"data_centers": [NBG]}, ("demand", "wish")),
        (("demands", 0, "wish", "wish", "max_evictions"), 5, ("demand", "wish")),
        (("demands", 0, "wish", "signature"), "0x" + "11" * 64, ("demand", "wish")),
        (("demands", 0, "epoch_seconds"), 1, ("demand", "epoch_seconds")),
        (("facts", 0, "document", "site", "id"), FSN, ("peer", "document")),
        (("facts", 0, "document", "hardware", "cores"), 99, ("peer", "document")),
        (("facts", 1, "signature"), "0x" + "00" * 64, ("peer", "document")),
        (("facts", 1, "signature"), "nothing", ("peer", "document")),
        (("facts", 1, "history", "evictions"), 1, ("peer", "evictions")),
        (("facts", 1, "history", "age_epochs"), 99, ("peer", "age_epochs")),
        (("facts", 1, "history", "uptime_ppm"), 1_000_000, ("peer", "uptime_ppm")),
    ],
)
def test_check__one_word_changed__is_named(town, book, path, value, found):
    told = json.loads(book)
    *above, last = path
    place = told
    for step in above:
        place = place[step]
    place[last] = value

    assert found in verify(json.dumps(told).encode(), town)


def test_check__document_of_one_peer_under_another__is_named(town, book):
    told = json.loads(book)
    one, other = told["facts"]
    one["document"], other["document"] = other["document"], one["document"]
    one["signature"], other["signature"] = other["signature"], one["signature"]

    assert verify(json.dumps(told).encode(), town) == [("peer", "document")] * 2


def test_check__evicted_on_chain_and_not_in_the_book__is_named(town, book):
    assert verify(book, town, evictions=1) == [("peer", "evictions")]


@pytest.mark.parametrize(
    "facts",
    [
        [{"peer": 1, "history": {"uptime_ppm": 2_000_000, "evictions": 0, "age_epochs": 0}}],
        [{"peer": -1}],
        [{"peer": 1, "document": {"version": 1}, "signature": "0x"}],
        [{"peer": 1, "latencies": {"\u202e": 5}}],
        [5],
        "x",
    ],
)
def test_load__facts_that_are_none__are_no_book(book, facts):
    told = json.loads(book) | {"facts": facts}

    with pytest.raises(BadContent):
        load_book(json.dumps(told).encode())


def test_match__wish_that_goes_by_no_history__book_shows_none(town):
    town.post_bid(town.bid(units=1, deposit=10_000, salt=9), wish={"data_centers": [FSN]})
    town.chain.mine()
    town.turn()

    with town.database.read() as session:
        [*_, record] = fetch_latest_matches(session, before=None, limit=1)
        told = json.loads(fetch_book(session, record.book))
    assert [sorted(entry) for entry in told["facts"]] == [["document", "peer", "signature"]] * 2

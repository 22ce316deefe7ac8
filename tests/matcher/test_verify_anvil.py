"""Verify matches against the real chain: honest ones pass, each cheat is named where it is."""

import json
from dataclasses import replace

import httpx
import pytest

from matcher.verify.findings import CHECKS
from matcher.verify.witness import NoState, Witness
from tests.matcher.anvil_town import Operator
from tests.matcher.evidence import Evidence, differences, open_town
from tests.wasmarket.store.stores import copy_store
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.events import Matched
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.anvil


@pytest.fixture(scope="module")
def honest(base, template, tmp_path_factory):
    """One match over a posted and a published ask; nothing changes the chain afterwards."""
    store = copy_store(template, tmp_path_factory.mktemp("honest") / "store.sqlite")
    operator = Operator(base, store, base.first)
    cheap, dear = open_town(base, operator)
    bid = base.bid(units=6)
    operator.post_bid(bid, permit=base.permit(100_000))
    operator.turn()
    yield base, operator, cheap, dear, bid
    store.close()


@pytest.fixture
def evidence(honest):
    return Evidence(*honest[:2])


@pytest.fixture(scope="module")
def asks(honest):
    return tuple(f"ask {hash_offer(offer)}" for offer in honest[2:4])


def test_verify__honest_match__every_check_is_made_and_passes(evidence):
    report = evidence.verify()

    [entry] = report.matches
    assert entry.findings.differences == []
    assert report.is_verified
    assert entry.findings.compared.keys() == CHECKS.keys()
    assert min(entry.findings.compared[name] for name in ("asks", "peers", "published")) > 0


def test_verify__wrong_digest__says_so_first(evidence):
    other = "0x" + "11" * 32
    evidence.books[other] = evidence.books[evidence.records[0].book]
    found = differences(evidence.with_record(book=other).verify())

    assert list(found) == [("digest", "book", "SHA-256")]
    assert found["digest", "book", "SHA-256"][0] == other


def test_verify__price_changed_in_the_book__no_signature_fits(evidence, honest):
    town, _, _, dear, _ = honest

    def cheat(document):
        [entry] = [e for e in document["asks"] if e["offer"]["price"] == "1500"]
        entry["offer"]["price"] = "900"

    found = differences(evidence.with_book(cheat).verify())

    changed = f"ask {hash_offer(replace(dear, price=900))}"
    expected, signer = found["asks", changed, "signature"]
    assert expected == f"by {town.provider.address}"
    assert signer != expected
    assert any(check == "replay" for check, _, _ in found)


def test_verify__forged_signature__names_ask_and_signer(evidence, honest, asks):
    town, _, _, dear, _ = honest
    forged = town.sign(dear, town.other).to_hex()

    def cheat(document):
        [entry] = [e for e in document["asks"] if e["offer"]["price"] == "1500"]
        entry["signature"] = forged

    found = differences(evidence.with_book(cheat).verify())

    assert found == {
        ("asks", asks[1], "signature"): (
            f"by {town.provider.address}",
            f"by {town.other.address}",
        )
    }


def test_verify__signature_withheld__nobody_approved(evidence, honest, asks):
    def cheat(document):
        for entry in document["asks"]:
            entry["signature"] = None

    found = differences(evidence.with_book(cheat).verify())

    assert found == {
        ("asks", asks[1], "approval"): (f"by {honest[0].provider.address} on chain", "none")
    }


def test_verify__published_offer_left_out__is_missed(evidence, honest, asks):
    def cheat(document):
        document["asks"] = [e for e in document["asks"] if e["offer"]["price"] != "1000"]
        document["peers"] = [p for p in document["peers"] if p["id"] != 2]
        del document["counters"][honest[0].other.address]

    found = differences(evidence.with_book(cheat).verify())

    assert found["published", f"published {asks[0]}", "book"] == ("listed", "missing")


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("used", 3, "0"),
        ("units", 1, "4"),
        ("memory_mib", 1, "1024"),
        ("region", 9, "2"),
        ("traits", "7", "0"),
    ],
)
def test_verify__word_of_a_peer_is_wrong__is_named(evidence, member, value, expected):
    def cheat(document):
        document["peers"][1][member] = value

    found = differences(evidence.with_book(cheat).verify())

    assert found["peers", "peer 2", member] == (expected, str(value))


def test_verify__peer_or_counter_hides_an_offer__is_named(evidence, honest):
    owner = honest[0].other.address

    def drop_peer(document):
        document["peers"] = document["peers"][:1]
        del document["counters"][owner]

    def change_counter(document):
        document["counters"][owner] = "5"

    hidden = differences(evidence.with_book(drop_peer).verify())
    changed = differences(Evidence(*honest[:2]).with_book(change_counter).verify())

    assert hidden["peers", "peer 2", "id"] == ("listed beside its offers", "not listed")
    assert changed["peers", owner, "counter"] == ("0", "5")


@pytest.mark.parametrize(
    ("member", "value", "where"),
    [
        ("block_hash", "0x" + "22" * 32, "block"),
        ("time", 1, "block"),
        ("chain_id", 1, "book"),
        ("market", "0x" + "0" * 39 + "1", "book"),
    ],
)
def test_verify__book_of_another_block_or_market__is_named(evidence, member, value, where):
    found = differences(evidence.with_book(lambda d: d.update({member: value})).verify())

    assert any(c == "block" and w.startswith(where) and f == member for c, w, f in found)


def test_verify__demand_changed__is_named(evidence, honest):
    bid = f"demand {hash_offer(honest[4])}"

    def cheat(document):
        [entry] = document["demands"]
        entry |= {"balance": "1", "avoid": [2], "deal": 0}
        entry["live"] = [{"id": 9, "peer": 1, "units": 1, "price": "1"}]

    found = differences(evidence.with_book(cheat).verify())

    assert found["demands", bid, "balance"] == ("100000", "1")
    assert found["demands", bid, "live"] == ("nothing", "9 (peer 1, 1 at 1)")
    assert found["avoid", bid, "avoid"] == ("[]", "[2]")


def test_verify__peer_called_absent_that_is_not__is_named(evidence):
    found = differences(evidence.with_book(lambda d: d.update(absent=[2])).verify())

    assert ("absent", "peer 2", "absent") in found


@pytest.mark.parametrize("cheat", [{"note": "hidden"}, {"version": 1.0}, {"asks": "none"}])
def test_verify__book_in_another_spelling_or_no_book__is_refused(evidence, cheat):
    found = differences(evidence.with_book(lambda d: d.update(cheat)).verify())

    assert any(check == "document" for check, _, _ in found)


def test_verify__ask_listed_twice__is_refused(evidence):
    def cheat(document):
        document["asks"].append(document["asks"][0])

    found = differences(evidence.with_book(cheat).verify())

    assert found["document", "book", "content"][1].startswith("3 asks")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"total": 1}, "total"),
        ({"saving": 99_999}, "saving"),
        ({"bound": 0}, "bound"),
        ({"gap_ppm": 1}, "gap_ppm"),
        ({"engine": "mine/1"}, "engine"),
        ({"block": 1}, "block"),
    ],
)
def test_verify__record_says_something_else__is_named(evidence, members, field):
    found = differences(evidence.with_record(**members).verify())

    assert [f for _, _, f in found if f == field]


def test_verify__record_shows_better_fills_than_were_sent__chain_and_engine_say_so(evidence, asks):
    [record] = evidence.records
    cheaper = tuple(replace(line, units=3) for line in record.fills)

    found = differences(evidence.with_record(fills=cheaper).verify())

    places = {(check, field) for check, _, field in found}
    for check in ("replay", "transaction"):
        assert (check, f"fill of {asks[0]}") in places


def test_verify__match_without_a_record__is_held_against_whoever_sent_it(evidence, honest):
    town = honest[0]
    evidence.records.clear()

    own = evidence.verify()
    evidence.account = town.second.address
    foreign = evidence.verify()

    assert (len(own.unrecorded), own.foreign, own.is_verified) == (1, (), False)
    assert [caller for _, caller in foreign.foreign] == [town.first.address]
    assert foreign.unrecorded == ()


def test_verify__transaction_never_mined__is_named(evidence):
    unknown = "0x" + "33" * 32

    found = differences(evidence.with_record(tx=unknown).verify())

    assert found["transaction", f"transaction {unknown}", "state"] == ("mined", "not on chain")


class Forgetful(httpx.HTTPTransport):
    """The way to a node that drops old states, as all but archive nodes do."""

    def handle_request(self, request):
        asked = json.loads(request.read())
        entries = asked if isinstance(asked, list) else [asked]
        if any(e["method"] == "eth_call" and e["params"][1] != "latest" for e in entries):
            error = {"code": -32000, "message": "missing trie node"}
            return httpx.Response(200, json=[{"id": e["id"], "error": error} for e in entries])
        return super().handle_request(request)


def test_verify__node_without_that_state__says_which_block(honest, evidence):
    with (
        Rpc(honest[0].anvil.url, transport=Forgetful()) as forgetful,
        pytest.raises(NoState) as refusal,
    ):
        evidence.verify(forgetful)

    assert f"block {evidence.records[0].block}" in refusal.value.detail
    assert "archive" in refusal.value.remedy


def test_verify__book_of_a_block_that_is_not_there__says_so(evidence):
    evidence.with_book(lambda d: d.update(block=10**6))

    with pytest.raises(NotFound):
        evidence.verify()


def test_verify__matched_events__are_what_the_deal_had(honest):
    town = honest[0]
    mined = Witness(town.rpc, town.deployment).transaction(Evidence(*honest[:2]).records[0].tx)

    assert [e.deal for e in mined.events if isinstance(e, Matched)] == [1]

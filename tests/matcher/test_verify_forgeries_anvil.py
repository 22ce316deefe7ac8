"""What a matcher could invent in a round: money, wishes, an order. Each is named where it is."""

import secrets
from dataclasses import replace

import pytest

from tests.matcher.anvil_town import Operator
from tests.matcher.evidence import Evidence, differences
from tests.matcher.fake_town import signed_target
from wasmarket.kernel.signing.offers import dump_offer
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.targets import target_body, target_path
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.anvil


@pytest.fixture
def town(undone_base):
    return undone_base


@pytest.fixture
def operator(town, database):
    return Operator(town, database, town.first)


@pytest.fixture
def asks(town, operator):
    """Two asks at one price, published one after the other: the first is to be filled first."""
    first, second = (town.ask(peer, 1_000, salt=secrets.randbits(64)) for peer in (1, 2))
    for owner, ask in ((town.provider, first), (town.other, second)):
        town.send(owner, town.market, "publish", hash_offer(ask), encode_published(ask))
    return first, second


def match(town, operator, **members):
    """Match a bid, and return it with the evidence of its match."""
    options = {name: members.pop(name) for name in ("target",) if name in members}
    bid = town.bid(**members)
    operator.post_bid(bid, permit=town.permit(100_000), **options)
    operator.turn()
    return bid, Evidence(town, operator)


def entry_of(document, offer):
    """Return an offer's place in a book: its ask or its demand."""
    salt = str(offer.salt)
    [entry] = [e for e in document["asks"] + document["demands"] if e["offer"]["salt"] == salt]
    return entry


def test_verify__target_and_permit__are_shown_by_what_was_signed(town, operator, asks):
    _, evidence = match(town, operator, units=4, target=2)

    report = evidence.verify()

    [entry] = report.matches
    assert entry.findings.differences == []
    assert any("as its developer signed" in note for note in entry.findings.notes)


@pytest.mark.parametrize("account", ["first", "developer"])
def test_verify__bid_without_money_put_into_the_round__is_named(town, operator, asks, account):
    _, evidence = match(town, operator)
    owner = getattr(town, account)
    tokens = town.usdc.balance(owner.address)
    phantom = town.bid(developer=owner.address, max_price=1_900, deposit=tokens + 1)

    def cheat(document):
        document["demands"].append(
            {
                "offer": dump_offer(phantom),
                "signature": town.sign(phantom, owner).to_hex(),
                "sequence": 9,
                "deal": 0,
                "balance": str(phantom.deposit),
                "avoid": [],
                "live": [],
            }
        )

    found = differences(evidence.with_book(cheat).verify())

    where = ("funds", f"demand {hash_offer(phantom)}", "deposit and tip")
    assert "are missing" in found[where][1]


def test_verify__permit_that_another_use_ended__pays_for_nothing(town, operator, asks):
    bid, evidence = match(town, operator)

    def cheat(document):
        entry_of(document, bid)["permit"]["value"] = "99999999"

    found = differences(evidence.with_book(cheat).verify())

    assert ("funds", f"demand {hash_offer(bid)}", "deposit and tip") in found


def test_verify__published_asks_at_one_price_swapped__the_chains_order_is_named(
    town, operator, asks
):
    _, evidence = match(town, operator)

    def cheat(document):
        first, second = (entry_of(document, ask) for ask in asks)
        first["sequence"], second["sequence"] = second["sequence"], first["sequence"]

    found = differences(evidence.with_book(cheat).verify())

    assert ("order", f"ask {hash_offer(asks[0])}", "place") in found


def test_verify__published_bids_swapped__the_chains_order_is_named(town, operator, asks):
    bids = [town.bid(salt=secrets.randbits(64)) for _ in range(2)]
    town.send(town.developer, town.usdc, "approve", town.market.address, 10**9)
    for bid in bids:
        town.send(town.developer, town.market, "publish", hash_offer(bid), encode_published(bid))
    operator.turn()
    evidence = Evidence(town, operator)

    def cheat(document):
        first, second = (entry_of(document, bid) for bid in bids)
        first["sequence"], second["sequence"] = second["sequence"], first["sequence"]

    assert evidence.verify().matches[0].findings.differences == []
    found = differences(evidence.with_book(cheat).verify())

    assert ("order", f"demand {hash_offer(bids[0])}", "place") in found


def proof_by(town, account, bid, units, **changes):
    """Return a signed target as a book shows it."""
    now = town.rpc.fetch_head().timestamp
    signed = signed_target(hash_offer(bid), units, town.domain, account.key, now)
    proof = {
        "method": "PUT",
        "target": target_path(hash_offer(bid)),
        "body": target_body(units),
        "authorization": signed["target_authorization"],
    }
    return proof | changes


@pytest.mark.parametrize(
    "forge",
    [
        lambda town, bid: [],
        lambda town, bid: [proof_by(town, town.other, bid, 2)],
        lambda town, bid: [proof_by(town, town.developer, bid, 3)],
        lambda town, bid: [proof_by(town, town.developer, replace(bid, salt=1), 2)],
        lambda town, bid: [proof_by(town, town.developer, bid, 3, body=target_body(2))],
        lambda town, bid: [
            proof_by(town, town.developer, bid, 3, target=target_path(hash_offer(bid)) + "?")
        ],
        lambda town, bid: [proof_by(town, town.developer, bid, n) for n in (2, 2)],
    ],
)
def test_verify__units_held_back_that_nobody_asked_for__is_named(town, operator, asks, forge):
    bid, evidence = match(town, operator, units=4)

    def cheat(document):
        entry = entry_of(document, bid)
        entry["hold"] = 2
        proofs = forge(town, bid)
        if proofs:
            entry["proofs"] = proofs

    found = differences(evidence.with_book(cheat).verify())

    assert ("demands", f"demand {hash_offer(bid)}", "hold (by signed target)") in found


def test_verify__signed_target_hidden__is_named(town, operator, asks):
    bid, evidence = match(town, operator, units=4, target=2)

    def cheat(document):
        del entry_of(document, bid)["hold"]

    found = differences(evidence.with_book(cheat).verify())

    assert found[("demands", f"demand {hash_offer(bid)}", "hold (by signed target)")] == ("2", "0")


def test_verify__replacement_that_nobody_asked_for__is_named(town, operator, asks):
    bid, evidence = match(town, operator)

    def cheat(document):
        entry_of(document, bid)["replacing"] = [7]

    found = differences(evidence.with_book(cheat).verify())

    where = ("demands", f"demand {hash_offer(bid)}", "replaced without being asked for")
    assert found[where] == ("[]", "[7]")


def test_verify__bid_for_another_matcher_in_the_round__is_named(town, operator, asks):
    _, evidence = match(town, operator)
    other = town.bid(matcher=town.second.address)

    def cheat(document):
        document["demands"].append(
            {
                "offer": dump_offer(other),
                "signature": town.sign(other, town.developer).to_hex(),
                "sequence": 9,
                "deal": 0,
                "balance": str(other.deposit),
                "avoid": [],
                "live": [],
            }
        )

    found = differences(evidence.with_book(cheat).verify())

    assert ("demands", f"demand {hash_offer(other)}", "matcher") in found


def test_verify__peer_called_unreachable__is_noted_with_what_it_published(town, operator, asks):
    _, evidence = match(town, operator)

    def cheat(document):
        document["asks"] = [e for e in document["asks"] if e["offer"]["peer"] != "2"]
        document["peers"] = [p for p in document["peers"] if p["id"] != 2]
        del document["counters"][town.other.address]
        document["unreachable"] = [2]

    report = evidence.with_book(cheat).verify()

    [note] = [n for n in report.matches[0].findings.notes if "did not answer" in n]
    assert "peer 2" in note

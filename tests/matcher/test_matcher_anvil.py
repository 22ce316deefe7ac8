"""The matcher against the real contracts, indexer and store."""

import itertools
import signal
import threading
from dataclasses import replace

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.engine.rules import why
from matcher.engine.values import Ask, Fill
from matcher.orderbook.snapshot import read_snapshot, to_demand
from tests.matcher.anvil_town import Operator
from tests.matcher.processes import Process, follow, wait_for
from tests.wasmarket.store.stores import copy_store
from wasmarket.chain.contracts.fills import build_fill
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.reasons import FillReason
from wasmarket.kernel.signing.offers import dump_offer
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.requests import SignedRequest
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.database import sqlite_url
from wasmarket.store.enums import SubmissionState
from wasmarket.store.matching.submissions import fetch_submissions

pytestmark = pytest.mark.anvil


@pytest.fixture
def town(undone_base):
    return undone_base


@pytest.fixture
def operators(town, template, tmp_path):
    """Make operators, each with a store of its own."""
    databases = []
    numbers = itertools.count()

    def make(account, **options):
        databases.append(copy_store(template, tmp_path / f"{next(numbers)}.sqlite"))
        return Operator(town, databases[-1], account, **options)

    yield make
    for database in databases:
        database.close()


@pytest.fixture
def operator(operators, town):
    return operators(town.first)


def test_offer_with_permit__posted__is_matched_at_the_cheapest_and_paid_in(town, operator):
    operator.post_asks(town.ask(1, 1_500), town.ask(2, 1_000))
    bid = town.bid(units=6, tip=300)
    operator.post_bid(bid, permit=town.permit(100_300))

    assert operator.turn()

    assert operator.units_by_peer() == {2: 4, 1: 2}
    assert operator.status(bid)["status"] == "pending"
    assert town.lens.deals([1])[0].balance == 100_000
    assert town.market.account(town.first.address).free == 300
    operator.matcher.messenger.send_due()
    assert {url for url, _ in operator.sent_notices} == {
        "http://127.0.0.1:1/v1/notices",
        "http://127.0.0.1:2/v1/notices",
    }


def test_offer_without_money__is_unfunded__and_matched_after_a_deposit(town, operator):
    operator.post_asks(town.ask(1, 1_000))
    bid = town.bid()
    operator.post_bid(bid)
    operator.turn()
    before = operator.status(bid)

    town.send(town.developer, town.usdc, "approve", town.market.address, 100_000)
    town.send(town.developer, town.market, "deposit", 100_000)
    operator.turn()

    assert (before["status"], before["deal"]) == ("unfunded", None)
    assert operator.status(bid)["status"] == "pending"


def test_matched_offer__posted_and_matched_again__makes_no_second_deal(town, operator):
    operator.post_asks(town.ask(1, 1_000))
    bid = town.bid()
    operator.post_bid(bid, permit=town.permit(100_000))
    operator.turn()

    again = operator.post("/v1/developer-offers", bid, town.developer)
    operator.matcher.settlement_loop.wake()
    operator.turn()

    assert (again.status_code, again.json()["deal"]) == (200, 1)
    assert len(operator.http.get("/v1/deals").json()["items"]) == 1
    assert operator.units_by_peer() == {1: 2}


def test_peer_killed__is_evicted_after_missed_epochs__and_its_units_are_refilled(town, operator):
    operator.post_asks(town.ask(1, 1_000), town.ask(2, 1_500))
    bid = town.bid(units=2)
    operator.post_bid(bid, permit=town.permit(100_000))
    operator.turn()
    town.send(town.provider, town.market, "activate", [1])
    operator.turn()
    running = operator.status(bid)["status"]

    for _ in range(4):
        town.pass_epoch()
        operator.turn()
    operator.turn()

    assert running == "active"
    assert operator.units_by_peer() == {2: 2}
    assert town.market.peers([1])[0].units == 2
    assignment = operator.http.get("/v1/assignments/1").json()
    assert assignment["ended_kind"] == "evicted"


def test_peer_that_proves__is_never_evicted(town, operator):
    operator.post_asks(town.ask(1, 1_000))
    operator.post_bid(town.bid(units=2), permit=town.permit(100_000))
    operator.turn()
    town.send(town.provider, town.market, "activate", [1])

    for _ in range(5):
        town.pass_epoch(1)
        operator.turn()

    assert operator.units_by_peer() == {1: 2}


def test_rejected_assignment__is_refilled_from_the_next_peer_while_the_ask_is_gone(town, operator):
    operator.post_asks(town.ask(1, 1_000), town.ask(2, 1_500))
    operator.post_bid(town.bid(units=2), permit=town.permit(100_000))
    operator.turn()
    town.send(town.provider, town.market, "leave", [1], 54)
    town.send(town.provider, town.market, "cancel", hash_offer(town.ask(1, 1_000)))

    operator.turn()

    assert operator.units_by_peer() == {2: 2}


def test_replacement__of_a_real_deal__is_active_before_the_old_one_is_dropped(town, operator):
    operator.post_asks(town.ask(1, 1_000))
    bid = town.bid(units=4)
    operator.post_bid(bid, permit=town.permit(100_000), target=2)
    operator.turn()
    town.send(town.provider, town.market, "activate", [1])
    operator.post_asks(town.ask(2, 1_500))
    operator.turn()
    alone = operator.units_by_peer()
    wishes = operator.matcher.wishes
    proof = SignedRequest("POST", "/v1/deals/1/replacements", '{"assignment":1}', "as signed")
    wishes.request(1, 1, town.developer.address, proof)

    operator.turn()
    beside = operator.units_by_peer()
    town.send(town.other, town.market, "activate", [2])
    operator.index()
    [ready], _ = wishes.list(1)
    town.send(town.developer, town.market, "drop", [1], 67)
    operator.turn()
    operator.turn()

    assert (alone, beside, operator.units_by_peer()) == ({1: 2}, {1: 2, 2: 2}, {2: 2})
    assert ready.status == "ready"
    assert operator.status(bid)["status"] == "active"


def test_two_matchers__same_offer__one_deal_and_the_other_learns_why(town, operators):
    first, second = operators(town.first), operators(town.second)
    bid = town.bid()
    permit = town.permit(100_000)
    for operator in (first, second):
        operator.post_asks(town.ask(1, 1_000))
        operator.post_bid(bid, permit=permit)
    first.matcher.settlement_loop.take_turn()

    second.matcher.settlement_loop.take_turn()
    lost = second.http.get("/metrics").text
    second.turn()

    assert town.market.read("counts_word") >> 64 & (2**64 - 1) == 1
    assert second.units_by_peer() == {1: 2}
    assert second.status(bid)["status"] == "pending"
    assert 'wasmarket_matcher_matches_total{outcome="mined"}' not in lost


def test_two_matchers__really_at_once__one_deal(town, operators):
    pair = [operators(town.first), operators(town.second)]
    bid, permit = town.bid(), town.permit(100_000)
    for operator in pair:
        operator.post_asks(town.ask(1, 1_000))
        operator.post_bid(bid, permit=permit)
    town.anvil.cheats.set_automine(False)
    turns = [threading.Thread(target=o.matcher.settlement_loop.take_turn) for o in pair]
    for turn in turns:
        turn.start()
    waiting = threading.Event()
    while int(town.rpc.request("txpool_status", [])["pending"], 16) < 2:
        waiting.wait(0.02)
    town.anvil.cheats.mine()
    town.anvil.cheats.set_automine(True)
    for turn in turns:
        turn.join(120)
    for operator in pair:
        operator.turn()

    assert town.market.read("counts_word") >> 64 & (2**64 - 1) == 1
    assert [operator.status(bid)["status"] for operator in pair] == ["pending", "pending"]
    states = set()
    for operator in pair:
        with operator.database.read() as session:
            states |= {entry.state for entry in fetch_submissions(session)}
    assert states == {SubmissionState.MINED, SubmissionState.FAILED}
    told = [operator.http.get("/v1/status").json()["extra"] for operator in pair]
    [loser] = [extra for extra in told if extra["lost"]["count"]]
    [winner] = [extra for extra in told if not extra["lost"]["count"]]
    [lost] = loser["lost"]["latest"]
    assert (lost["offer"], lost["winner"]) == (hash_offer(bid), winner["account"])
    assert lost["reason"].endswith(refused_of(pair))


def refused_of(pair):
    """Return the reason that the loser recorded with its transaction."""
    reasons = []
    for operator in pair:
        with operator.database.read() as session:
            reasons += [s.reason for s in fetch_submissions(session) if s.reason]
    [reason] = reasons
    return reason


class Killed(BaseException):
    """The process ends here, as by kill -9."""


class DyingSender:
    """Signs, records, and dies before the transaction is broadcast."""

    def __init__(self, inner):
        self.inner = inner
        self.address = inner.address

    def send_each(self, calls, *, max_gas):
        def dying(on_signed):
            def record_and_die(signed):
                on_signed(signed)
                raise Killed

            return record_and_die

        deadly = [(call, dying(on_signed)) for call, on_signed in calls]
        return self.inner.send_each(deadly, max_gas=max_gas)

    def resume(self, tx_hash, raw, on_signed=None):
        raise AssertionError("nothing is open yet")

    def rebroadcast(self, tx_hash, raw):
        raise AssertionError("nothing is open yet")


def test_killed_between_signing_and_broadcast__next_process_sends_that_very_transaction(
    town, operators
):
    operator = operators(town.first, sender=DyingSender(town.sender(town.first)))
    operator.post_asks(town.ask(1, 1_000))
    bid = town.bid()
    operator.post_bid(bid, permit=town.permit(100_000))
    with pytest.raises(Killed):
        operator.turn()
    with operator.database.read() as session:
        [recorded] = fetch_submissions(session)
    operator.matcher.settlement_loop._leader.release()

    operator.matcher = operator.build(town.sender(town.first))
    operator.turn()

    with operator.database.read() as session:
        [mined] = fetch_submissions(session)
    assert (mined.tx_hash, mined.state) == (recorded.tx_hash, SubmissionState.MINED)
    assert operator.units_by_peer() == {1: 2}
    assert operator.http.get("/v1/matches/1").json()["tx"] == recorded.tx_hash


def test_published_offers__without_any_post__are_matched(town, operator):
    ask, bid = town.ask(1, 1_000), town.bid()
    town.send(town.provider, town.market, "publish", hash_offer(ask), encode_published(ask))
    town.send(town.developer, town.market, "publish", hash_offer(bid), encode_published(bid))
    town.send(town.developer, town.usdc, "approve", town.market.address, 100_000)

    operator.turn()

    assert operator.units_by_peer() == {1: 2}


ODDITIES = st.fixed_dictionaries(
    {
        "peer": st.sampled_from([1, 2, 9]),
        "price": st.sampled_from([0, 1_000, 2_001, 2**48]),
        "developer": st.sampled_from(["zero", "developer", "other"]),
        "counter": st.sampled_from([0, 0, 0, 1]),
        "late": st.sampled_from([False, False, False, True]),
        "signer": st.sampled_from(["provider", "provider", "other"]),
    }
)
WISHES = st.fixed_dictionaries(
    {
        "min_memory_mib": st.sampled_from([0, 0, 1_024, 1_025]),
        "regions": st.sampled_from([0, 0, 2, 4, 6]),
        "traits": st.sampled_from([0, 0, 0, 1]),
        "providers_mode": st.sampled_from([0, 0, 1, 2]),
        "listed": st.booleans(),
        "deposit": st.sampled_from([100_000, 999, 1_000]),
        "max_units_per_provider": st.sampled_from([0, 1]),
    }
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(oddity=ODDITIES, requirement=WISHES)
def test_why__any_fill__is_what_the_contract_says(town, operator, oddity, requirement):
    people = {"zero": ZERO_ADDRESS, "developer": town.developer.address}
    owner = {1: town.provider, 2: town.other}.get(oddity["peer"], town.provider)
    stranger = town.other if owner is town.provider else town.provider
    now = town.rpc.fetch_head().timestamp
    offer = town.ask(
        oddity["peer"],
        oddity["price"],
        developer=people.get(oddity["developer"], town.second.address),
        counter=oddity["counter"],
        valid_until=now - 1 if oddity["late"] else now + 10_000,
    )
    by_owner = oddity["signer"] == "provider"
    listed = (town.provider.address,) if requirement.pop("listed") else ()
    bid = town.bid(providers=listed, **requirement)
    with operator.database.read() as session:
        snapshot = read_snapshot(session)
    fill = Fill(Ask(hash_offer(offer), offer, 1, holds=by_owner), 1)
    demand = replace(to_demand(_stored(bid), None, epoch_seconds=1), balance=bid.deposit)

    predicted = why(demand, fill, snapshot.book_for(demand))

    signature = town.sign(offer, owner if by_owner else stranger)
    assert predicted == town.lens.why(bid, build_fill(offer, 1, signature), [])


class _stored:
    """As much of a stored offer as a demand is made from."""

    def __init__(self, bid):
        self.hash, self.offer, self.sequence, self.target = hash_offer(bid), bid, 1, None
        self.wish = None


def test_why__cancelled_used_up_and_bumped__is_what_the_contract_says(town, operator):
    ask = town.ask(1, 1_000)
    operator.post_asks(ask, town.ask(2, 1_000))
    operator.post_bid(town.bid(units=8), permit=town.permit(100_000))
    operator.turn()
    town.send(town.provider, town.market, "cancel", hash_offer(ask))
    town.send(town.other, town.market, "bump_counter")
    operator.index()
    with operator.database.read() as session:
        book = read_snapshot(session).books[0]
    demand = to_demand(_stored(town.bid()), None, epoch_seconds=1)

    for offer, owner, cancelled in (
        (ask, town.provider, True),
        (town.ask(2, 1_000), town.other, False),
    ):
        fill = Fill(Ask(hash_offer(offer), offer, 1, cancelled=cancelled), 1)
        argument = build_fill(offer, 1, town.sign(offer, owner))
        reason = town.lens.why(demand.offer, argument, [])
        assert why(demand, fill, book) == reason
        assert reason in (FillReason.NO_UNITS, FillReason.COUNTER)


@pytest.fixture
def process(town, template, tmp_path):
    database = copy_store(template, tmp_path / "process.sqlite")
    operator = Operator(town, database, town.first)
    operator.indexer._leader.release()
    process = Process(town, sqlite_url(database.path), tmp_path)
    stop = threading.Event()
    follower = threading.Thread(target=follow, args=(operator.indexer, stop, 0.05))
    follower.start()
    yield process
    stop.set()
    follower.join(120)
    if process.process.poll() is None:
        process.end(signal.SIGKILL)
    database.close()


def test_run__process__matches_streams_and_ends_on_sigterm(town, process):
    bodies = [
        ("/v1/provider-offers", town.ask(1, 1_000), town.provider, {}),
        ("/v1/developer-offers", town.bid(), town.developer, {"permit": town.permit(100_000)}),
    ]
    with httpx.stream("GET", process.url + "/v1/events", timeout=20) as events:
        lines = events.iter_lines()
        assert next(lines) == ": welcome"
        for path, offer, account, more in bodies:
            body = {"offer": dump_offer(offer), "signature": town.sign(offer, account).to_hex()}
            assert httpx.post(process.url + path, json=body | more).status_code == 201
        names = [line for line in itertools.islice(lines, 8) if line.startswith("event: ")]

    assert names[0] == "event: Assigned"
    wait_for(lambda: httpx.get(process.url + "/v1/deals/1").status_code == 200)
    assert process.end(signal.SIGTERM) == 0


def test_run__killed_again_and_again__every_offer_makes_one_deal(town, process):
    town.send(town.developer, town.usdc, "approve", town.market.address, 10**9)
    ask = town.ask(1, 1_000)
    body = {"offer": dump_offer(ask), "signature": town.sign(ask, town.provider).to_hex()}
    assert httpx.post(process.url + "/v1/provider-offers", json=body).status_code == 201
    bids = [town.bid(units=1) for _ in range(3)]
    for number, bid in enumerate(bids):
        body = {"offer": dump_offer(bid), "signature": town.sign(bid, town.developer).to_hex()}
        assert httpx.post(process.url + "/v1/developer-offers", json=body).status_code == 201
        threading.Event().wait(0.04 * number)
        process.end(signal.SIGKILL)
        process.start()

    def is_done():
        states = [
            httpx.get(f"{process.url}/v1/developer-offers/{hash_offer(bid)}").json()["status"]
            for bid in bids
        ]
        return states == ["pending"] * 3

    wait_for(is_done)
    assert town.market.read("counts_word") >> 64 & (2**64 - 1) == 3
    assert town.market.peers([1])[0].used == 3

"""Gas and stuck transactions: tips are weighed, one poisoned record does not hold up the others."""

import pytest

from matcher.settings import MatcherSettings
from matcher.settlement.gas_budget import build_budget
from tests.matcher.fake_town import FakeTown, Http
from wasmarket.chain.deploying.plan import LOCAL_CHAIN_ID
from wasmarket.chain.errors import GasTooDear, NonceGap, RpcError
from wasmarket.kernel.errors import TimedOut, Unreachable
from wasmarket.kernel.events import Activated, Ended
from wasmarket.kernel.units import USDC
from wasmarket.store.enums import SubmissionState
from wasmarket.store.matching.submissions import fetch_submissions
from wasmarket.testing.fake_sender import GAS

pytestmark = pytest.mark.unit

GWEI = 10**9


class Killed(BaseException):
    """The process ends here, as by kill -9."""


def stock(town):
    """A funded developer and one peer that sells four units at 10."""
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    return town


@pytest.fixture
def weighing(database):
    """A town whose coins are worth 3,000 USDC and whose matcher pays nothing on top of tips."""
    return stock(FakeTown(database, usdc_per_coin=3_000.0, gas_subsidy_usdc=0.0))


def price_for(usdc):
    """Return the wei per gas at which a match costs so many USDC base units."""
    return usdc * 10**18 // (3_000 * USDC * GAS)


def submissions(town):
    with town.database.read() as session:
        return fetch_submissions(session)


def test_match__tip_below_its_gas__is_not_sent_told_and_sent_once_gas_is_cheap(weighing):
    bid = weighing.bid(tip=USDC)
    weighing.sender.gas_price = 2 * price_for(USDC)
    weighing.post_bid(bid)
    weighing.turn()
    refused = weighing.status(bid)
    signed = submissions(weighing)

    weighing.sender.gas_price = price_for(USDC)
    weighing.chain.mine()
    weighing.turn()

    assert refused["status"] == "unmatched"
    assert "more than it is worth" in refused["reasons"][0]
    assert not signed
    assert [entry.function for entry in weighing.sender.sent] == ["match"]


def test_match__only_a_part_of_the_units_can_be_had__only_that_part_of_the_tip_counts(weighing):
    bid = weighing.bid(tip=2 * USDC, units=8, min_units=1)
    weighing.sender.gas_price = 2 * price_for(USDC)
    weighing.post_bid(bid)

    weighing.turn()

    assert weighing.sender.sent == []


@pytest.mark.parametrize(("subsidy", "is_sent"), [(1.0, True), (0.0, False)])
def test_refill__earns_no_tip__is_sent_up_to_the_subsidy(database, subsidy, is_sent):
    town = stock(FakeTown(database, usdc_per_coin=3_000.0, gas_subsidy_usdc=subsidy))
    town.register_peer(2, provider=town.other)
    town.post_ask(town.ask(2, price=20), town.other)
    town.post_bid(town.bid(tip=USDC))
    town.turn()
    epoch = town.chain.head.timestamp // 60
    town.chain.mine(Activated(1, 1, epoch, 0, 980, 20))
    town.sender.gas_price = price_for(USDC)

    town.chain.mine(Ended(1, 1, 1, epoch - 1, 1, 56, 1_000, 0))
    town.turn()

    assert [entry.function for entry in town.sender.sent] == ["match"] * (1 + is_sent)


def test_match__gas_is_not_weighed_by_default__is_sent(database):
    town = stock(FakeTown(database))
    town.sender.gas_price = 10**15
    town.post_bid(town.bid())

    town.turn()

    assert len(town.sender.sent) == 1


def test_match__above_the_operators_limit__fails_the_turn_and_tells_the_developer(database):
    town = stock(FakeTown(database))
    bid = town.bid()
    town.post_bid(bid)

    def refuse(call, on_signed=None):
        raise GasTooDear("gas costs 5000 gwei", field="chain.max_fee_gwei")

    town.sender.send = refuse
    with pytest.raises(GasTooDear):
        town.turn()

    assert town.status(bid)["reasons"] == ["not sent: gas costs 5000 gwei"]


@pytest.fixture
def half_sent(database):
    """A matcher that died with two matches signed and none sent, and a third offer."""
    town = stock(FakeTown(database))
    for salt in (1, 2):
        town.post_bid(town.bid(units=1, salt=salt))
    mine = town.sender._mine
    deaths = iter([TimedOut("not mined yet"), Killed()])

    def die(*_):
        raise next(deaths)

    town.sender._mine = die
    with pytest.raises(Killed):
        town.turn()
    town.sender._mine = mine
    town.matcher.leader.release()
    town.matcher = town.build()
    town.http = Http(town.matcher.app)
    town.post_bid(town.bid(units=1, salt=3))
    return town


@pytest.mark.parametrize(
    "error", [RpcError("max fee per gas less than block base fee", code=-32000), Unreachable("x")]
)
def test_turn__one_record_cannot_be_resumed__others_go_on_and_it_is_not_ready(half_sent, error):
    town = half_sent
    [poisoned, _] = submissions(town)
    resume = town.sender.resume

    def stumble(tx_hash, raw, on_signed=None):
        if tx_hash == poisoned.tx_hash:
            raise error
        return resume(tx_hash, raw, on_signed)

    town.sender.resume = stumble
    town.index()
    [matching] = [loop for loop in town.matcher.loops if loop.name == "matching"]
    matching.take_turn()
    health = town.http.get("/v1/health/ready")
    states = [entry.state for entry in submissions(town)]
    town.sender.resume = resume
    matching.take_turn()

    assert states == [SubmissionState.SIGNED, SubmissionState.MINED, SubmissionState.MINED]
    assert health.status_code == 503
    assert error.detail in health.json()["reason"]
    assert [entry.state for entry in submissions(town)] == [SubmissionState.MINED] * 3


def test_turn__a_nonce_waits__nothing_is_sent_behind_it_and_it_is_not_ready(half_sent):
    town = half_sent

    def wait(tx_hash, raw, on_signed=None):
        raise TimedOut(f"{tx_hash} is not mined yet")

    resume, town.sender.resume = town.sender.resume, wait
    town.index()
    [matching] = [loop for loop in town.matcher.loops if loop.name == "matching"]
    matching.take_turn()
    health = town.http.get("/v1/health/ready")
    sent = list(town.sender.sent)
    town.sender.resume = resume
    matching.take_turn()

    assert sent == []
    assert "is not mined yet" in health.json()["reason"]
    assert [entry.state for entry in submissions(town)] == [SubmissionState.MINED] * 3


def test_turn__what_came_before_was_reorganised_away__is_given_up_and_matched_anew(half_sent):
    town = half_sent
    [gapped, _] = submissions(town)
    resume = town.sender.resume

    def find_gap(tx_hash, raw, on_signed=None):
        if tx_hash == gapped.tx_hash:
            raise NonceGap("it waits behind a transaction that the chain took back")
        return resume(tx_hash, raw, on_signed)

    town.sender.resume = find_gap
    town.index()
    [matching] = [loop for loop in town.matcher.loops if loop.name == "matching"]
    matching.take_turn()

    of_offer = [entry.state for entry in submissions(town) if entry.offer == gapped.offer]
    assert of_offer == [SubmissionState.DROPPED, SubmissionState.MINED]


@pytest.mark.parametrize(
    ("chain", "setting", "is_said"),
    [(8_453, {}, True), (8_453, {"usdc_per_coin": 3_000.0}, False), (LOCAL_CHAIN_ID, {}, False)],
)
def test_start__coins_cost_money_and_are_not_weighed__is_said(caplog, chain, setting, is_said):
    build_budget(MatcherSettings(**setting), chain)

    assert ("gas is not weighed against tips" in caplog.text) == is_said


def test_start__matcher_that_sends_nothing__says_nothing_of_gas(caplog):
    build_budget(MatcherSettings(submit=False), 8_453)

    assert caplog.text == ""

"""Who can pay for a first match: free balance, then tokens by allowance or permit."""

import pytest

from matcher.offers.funding import Purse, parse_permit, split_by_funds
from tests.matcher.markets import DEVELOPER, NOW, PROVIDERS, demand
from wasmarket.chain.contracts.fills import NO_PERMIT, MatchPermit
from wasmarket.kernel.errors import MarketError

pytestmark = pytest.mark.unit

PERMIT = MatchPermit(100, NOW, 1, 2)


@pytest.mark.parametrize(
    ("purse", "permit", "missing"),
    [
        (Purse(100, 0, 0), NO_PERMIT, 0),
        (Purse(40, 60, 60), NO_PERMIT, 0),
        (Purse(40, 60, 59), NO_PERMIT, 1),
        (Purse(40, 59, 99), NO_PERMIT, 1),
        (Purse(0, 100, 0), PERMIT, 0),
        (Purse(0, 99, 0), PERMIT, 1),
        (Purse(0, 100, 0), MatchPermit(100, NOW - 1, 1, 2), 100),
        (Purse(0, 100, 100), MatchPermit(1, NOW, 1, 2), 0),
    ],
)
def test_shortfall__of_100(purse, permit, missing):
    assert purse.shortfall(100, permit, NOW) == missing


def test_split__money_for_some__higher_bids_first_and_each_coin_once():
    wanted = [demand(max_price=n, deposit=40, tip=2, salt=n) for n in (1, 2, 3)]
    purses = {DEVELOPER: Purse(50, 40, 40)}

    funding = split_by_funds(wanted, purses, {}, NOW)

    assert [d.offer.max_price for d in funding.funded] == [3, 2]
    assert list(funding.unfunded) == [wanted[0].hash]
    assert (purses[DEVELOPER].free, purses[DEVELOPER].tokens) == (0, 6)


def test_split__refill__needs_no_new_money():
    refill = demand(deal=4, deposit=10**9)

    assert split_by_funds([refill], {DEVELOPER: Purse(0, 0, 0)}, {}, NOW).funded == (refill,)
    assert split_by_funds([refill], {PROVIDERS[0]: Purse(0, 0, 0)}, {}, NOW).unfunded == {}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"value": "1", "deadline": "2"},
        {"value": "x", "deadline": "2", "signature": "0x" + "11" * 64},
        {"value": "1", "deadline": "-2", "signature": "0x" + "11" * 64},
    ],
)
def test_parse_permit__malformed__is_refused(data):
    with pytest.raises(MarketError) as caught:
        parse_permit(data)

    assert caught.value.field.startswith("permit.")


def test_parse_permit__none__is_the_empty_one():
    assert parse_permit(None) == NO_PERMIT

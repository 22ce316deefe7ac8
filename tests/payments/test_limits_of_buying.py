"""What may not be bought, how much in a day, and who gets coins."""

import dataclasses

import pytest

from payments.checkouts.opening import PurchaseRequest
from tests.payments.shop import BOUGHT, SETTINGS, Shop, buy
from tests.payments.treasury_node import DEVELOPER
from tests.wasmarket.store.stores import copy_store
from wasmarket.kernel.errors import Conflict, InvalidInput, LimitReached, NotFound, Unreachable
from wasmarket.store.enums import CheckoutState, Purpose

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        (PurchaseRequest("usd", 0, Purpose.TOP_UP, 1), InvalidInput, "not within"),
        (PurchaseRequest("usd", 99, Purpose.TOP_UP, 1), InvalidInput, "not within"),
        (PurchaseRequest("usd", 2**63, Purpose.TOP_UP, 1), InvalidInput, "not within"),
        (PurchaseRequest("gbp", 2_000, Purpose.TOP_UP, 1), InvalidInput, "not charged in"),
        (PurchaseRequest("eur", 2_000, Purpose.FLT, account=DEVELOPER), InvalidInput, "not sold"),
        (PurchaseRequest("usd", 2_000, Purpose.TOP_UP, 100), NotFound, "no deal 100"),
        (PurchaseRequest("usd", 2_000, Purpose.TOP_UP, 2), Conflict, "deal 2 has ended"),
    ],
)
def test_open__what_cannot_be_bought__is_refused_and_nothing_is_kept(shop, wanted, error, words):
    shop.node.stopped.add(2)

    with pytest.raises(error, match=words):
        shop.gateway.desk.open(wanted, "a client")

    assert shop.unsettled() == []


def test_open__processor_down__is_said_and_counts_for_no_limit(shop):
    shop.processor.is_down = True

    with pytest.raises(Unreachable):
        shop.open()

    assert shop.unsettled() == []


@pytest.mark.parametrize("limit", ["per_account_day", "per_client_day", "per_day"])
def test_limits__of_a_day__count_what_is_open_and_end_with_it(payments_template, tmp_path, limit):
    database = copy_store(payments_template, tmp_path / "store.sqlite")
    shop = Shop(database, tmp_path, dataclasses.replace(SETTINGS, **{limit: 3_999}))
    shop.open()
    with pytest.raises(LimitReached, match=r"39\.99 USD in a day"):
        shop.open()
    shop.now += SETTINGS.quote_seconds + 1
    shop.look()

    assert shop.open()
    shop.close()
    database.close()


def test_limits__of_a_card__send_back_what_is_above(payments_template, tmp_path):
    database = copy_store(payments_template, tmp_path / "store.sqlite")
    shop = Shop(database, tmp_path, dataclasses.replace(SETTINGS, per_card_day=3_999))
    first, second = buy(shop), buy(shop, deal=3)

    assert shop.read(first).state is CheckoutState.DELIVERED
    assert shop.read(second).state is CheckoutState.REFUNDED
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.differences() == []
    shop.close()
    database.close()


def test_grant__asked_for_twice__is_given_once_and_within_limits(shop):
    account = DEVELOPER
    first = shop.gateway.grants.give(account, "a client")
    again = shop.gateway.grants.give(account, "another client")
    shop.deliver()

    assert first.id == again.id
    assert shop.node.delivered() == [("coins", account, 10**15)]
    shop.gateway.grants.give(shop.node.deployment.market, "a client")
    with pytest.raises(LimitReached, match="2 grants in a day"):
        shop.gateway.grants.give(shop.node.deployment.staking, "a client")


def test_books__tokens_that_went_elsewhere__are_a_difference(shop):
    buy(shop)
    shop.node.given["usdc"] -= 5

    [found] = shop.differences()

    assert (found.what, found.of, found.other - found.ledger) == ("treasury", "usdc", -5)


def test_limits__what_went_back__may_be_bought_again(payments_template, tmp_path):
    database = copy_store(payments_template, tmp_path / "store.sqlite")
    shop = Shop(database, tmp_path, dataclasses.replace(SETTINGS, per_account_day=3_999))
    checkout = shop.open()
    shop.pay(checkout, "4000000000007726")
    shop.turn()
    assert shop.read(checkout).state is CheckoutState.REFUNDED

    assert shop.open()
    shop.close()
    database.close()

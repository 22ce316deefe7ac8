"""One purchase at a time: it arrives once or its money goes back, and the books say so."""

import dataclasses
import time

import pytest

from tests.payments.book_processor import to_webhook
from tests.payments.shop import BOUGHT, CARD, SETTINGS, Shop, buy
from tests.payments.treasury_node import DEVELOPER, TOKENS, Crash
from tests.wasmarket.store.stores import copy_store
from wasmarket.kernel.errors import (
    LimitReached,
    Refused,
    Unreachable,
)
from wasmarket.store.enums import CheckoutState, DeliveryState, DisputeState, Purpose

pytestmark = pytest.mark.unit


def test_purchase__paid__is_in_the_deal_and_on_the_books(shop):
    checkout = buy(shop)

    assert shop.read(checkout).state is CheckoutState.DELIVERED
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.differences() == []
    shop.bury_deep()
    assert shop.delivery(checkout).state is DeliveryState.FINAL
    assert shop.balances() == {
        ("processor", "usd"): 2_000 - 88,
        ("processor fees", "usd"): 88,
        ("fees", "usd"): -90,
        ("exchange", "usd"): -1_910,
        ("exchange", "usdc"): BOUGHT,
        ("treasury", "usdc"): TOKENS["usdc"] - BOUGHT,
        ("capital", "usdc"): -TOKENS["usdc"],
        ("treasury", "flt"): TOKENS["flt"],
        ("capital", "flt"): -TOKENS["flt"],
    }
    assert shop.differences() == []


@pytest.mark.parametrize(
    ("purpose", "currency", "delivered"),
    [
        (Purpose.ACCOUNT, "usd", ("usdc", DEVELOPER, BOUGHT)),
        (Purpose.ACCOUNT, "eur", ("usdc", DEVELOPER, 20_760_869)),
        (Purpose.FLT, "usd", ("flt", DEVELOPER, 382 * 10**18)),
    ],
)
def test_purchase__for_an_account__is_sent_to_it(shop, purpose, currency, delivered):
    buy(shop, purpose=purpose, currency=currency)

    assert shop.node.delivered() == [delivered]


def test_purchase__every_webhook_twice_and_late_again__is_delivered_once(shop):
    checkout = shop.open()
    shop.pay(checkout)
    events = shop.book.take_due()
    shop.turn()
    for event in events * 3:
        shop.gateway.lookout.hear(dataclasses.replace(to_webhook(event), id=f"again-{event.id}"))
        shop.turn()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]


def test_purchase__without_any_webhook__is_found_by_asking(shop):
    checkout = shop.open()
    shop.pay(checkout)
    shop.now += SETTINGS.look_seconds + 1

    shop.look()
    shop.deliver()

    assert shop.read(checkout).state is CheckoutState.DELIVERED


@pytest.mark.parametrize("moment", ["signed", "sent"])
def test_purchase__gateway_killed_while_it_sends__arrives_once(shop, moment):
    checkout = shop.open()
    shop.pay(checkout)
    shop.node.crash_at = moment
    with pytest.raises(Crash):
        shop.turn()
    shop.kill()

    shop.settle()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.read(checkout).state is CheckoutState.DELIVERED
    assert shop.differences() == []


@pytest.mark.parametrize("forgets", [False, True])
def test_purchase__block_undone__is_mined_again_once(shop, forgets):
    checkout = buy(shop)
    shop.node.mines_at_once = False
    shop.node.reorg(1, forgets=forgets)

    shop.deliver()

    assert shop.read(checkout).state is CheckoutState.SENDING
    shop.settle()
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.differences() == []


def test_purchases__blocks_undone__are_handed_over_together(shop):
    for _ in range(3):
        buy(shop)
    shop.node.mines_at_once = False
    shop.node.reorg(3, forgets=True)

    shop.deliver()

    assert sorted(one.nonce for one in shop.node.pool.values()) == [0, 1, 2]
    shop.settle()
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)] * 3
    assert shop.differences() == []


def test_purchase__replaced_and_then_the_first_attempt_wins__arrives_once(shop):
    shop.node.mines_at_once, shop.node.replaces = False, True
    checkout = buy(shop)
    shop.node.mine()
    shop.deliver()
    assert shop.read(checkout).state is CheckoutState.DELIVERED
    shop.node.reorg(1, oldest_wins=True)
    shop.node.mine()

    shop.settle()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.differences() == []


def test_purchase__nonce_taken_by_another_program__is_signed_anew_only_when_that_is_deep(shop):
    shop.node.loses_broadcasts = True
    checkout = buy(shop)
    shop.node.loses_broadcasts = False
    shop.node.use_nonce()
    shop.node.mine()

    shop.deliver()

    assert shop.delivery(checkout).state is DeliveryState.SIGNED
    assert shop.node.delivered() == []
    shop.settle()
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]


def test_purchase__nonce_lost_to_another_node_and_its_block_undone__arrives_once(shop):
    shop.node.use_nonce(unseen=True)
    checkout = buy(shop)
    assert shop.read(checkout).state is CheckoutState.SENDING
    shop.node.reorg(1, forgets=True)

    shop.settle()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.differences() == []


def test_purchase__deal_stopped_after_paying__goes_to_its_developer(shop):
    checkout = shop.open()
    shop.pay(checkout)
    shop.node.stopped.add(1)

    shop.turn()
    shop.deliver()

    assert shop.node.delivered() == [("usdc", DEVELOPER, BOUGHT)]
    assert "deal 1 has ended" in shop.read(checkout).reason


def test_purchase__deal_stopped_while_it_was_sent__goes_to_its_developer_once(shop):
    shop.node.loses_broadcasts = True
    checkout = buy(shop)
    shop.node.stopped.add(1)

    shop.settle()

    assert shop.node.delivered() == [("usdc", DEVELOPER, BOUGHT)]
    assert shop.read(checkout).state is CheckoutState.DELIVERED
    assert shop.differences() == []


def test_purchase__deal_stopped_and_the_operator_says_card__is_refunded(
    payments_template, tmp_path
):
    database = copy_store(payments_template, tmp_path / "store.sqlite")
    shop = Shop(database, tmp_path, dataclasses.replace(SETTINGS, when_stopped="card"))
    checkout = shop.open()
    shop.pay(checkout)
    shop.node.stopped.add(1)

    shop.turn()
    shop.now += 60
    shop.turn()

    found = shop.read(checkout)
    assert (found.state, found.refunded) == (CheckoutState.REFUNDED, 2_000)
    assert shop.node.delivered() == []
    assert shop.differences() == []
    shop.close()
    database.close()


def test_purchase__treasury_empty__waits_says_so_and_arrives_when_it_is_filled(shop):
    shop.node.given["usdc"] = BOUGHT - 1
    checkout = buy(shop)

    assert shop.node.delivered() == []
    assert "too little USDC" in shop.delivery(checkout).reason
    assert "usdc" in shop.gateway.deliveries.low
    shop.node.given["usdc"] += 1
    shop.deliver()
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]


def test_purchase__treasury_empty_for_a_day__goes_back_to_the_card(shop):
    shop.node.given["usdc"] = 0
    checkout = buy(shop)
    shop.now += SETTINGS.give_up_seconds + 1

    shop.deliver()
    shop.turn()

    assert shop.read(checkout).state is CheckoutState.REFUNDED
    assert shop.differences() == []


def test_purchase__node_down_for_an_hour__waits(shop):
    shop.node.chain.offline = True
    checkout = shop_with_open = None
    with pytest.raises(Unreachable):
        shop_with_open = shop.open()
    shop.node.chain.offline = False
    checkout = shop.open()
    shop.pay(checkout)
    shop.node.chain.offline = True
    for _ in range(4):
        shop.now += 900
        shop.tell()
        shop.look()
        assert isinstance(shop.deliver(), Unreachable)
    assert shop.read(checkout).state is CheckoutState.PAID
    shop.node.chain.offline = False
    shop.deliver()

    assert shop_with_open is None
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]


def test_purchase__processor_down_for_a_day__is_found_afterwards(shop):
    checkout = shop.open()
    shop.pay(checkout)
    shop.processor.is_down = True
    for _ in range(24):
        shop.now += 3_600
        assert isinstance(shop.look(), Unreachable)
    shop.processor.is_down = False
    shop.now += 300

    shop.look()
    shop.deliver()

    assert shop.read(checkout).state is CheckoutState.DELIVERED


def test_purchase__our_clock_hours_ahead__counts_the_processors_times(shop):
    checkout = shop.open()
    shop.pay(checkout)
    shop.now += 6 * 3_600

    shop.turn()

    assert shop.read(checkout).state is CheckoutState.DELIVERED


def test_purchase__paid_after_the_quote_ended__is_refunded(shop):
    checkout = shop.open()
    session = shop.read(checkout).session
    shop.processor.is_down = True
    shop.now += SETTINGS.quote_seconds + SETTINGS.late_seconds + 1
    shop.book.pay(session, CARD)
    shop.processor.is_down = False

    shop.turn()

    found = shop.read(checkout)
    assert (found.state, found.refunded) == (CheckoutState.REFUNDED, 2_000)
    assert "after the quote had ended" in found.reason
    assert shop.node.delivered() == []
    assert shop.differences() == []


def test_quote__ended__cannot_be_paid_any_more(shop):
    checkout = shop.open()
    shop.now += SETTINGS.quote_seconds + 1

    shop.look()

    assert shop.read(checkout).state is CheckoutState.EXPIRED
    with pytest.raises(Refused, match="expired before"):
        shop.pay(checkout)


@pytest.mark.parametrize("charged", [(1_999, "usd"), (2_001, "usd"), (2_000, "eur")])
def test_purchase__something_else_was_charged__is_refunded(shop, charged):
    checkout = shop.open()
    shop.processor.charges[shop.read(checkout).session] = charged
    shop.pay(checkout)

    shop.turn()

    found = shop.read(checkout)
    assert found.state is CheckoutState.REFUNDING or found.refunded > 0
    assert "was paid instead of" in found.reason
    assert shop.node.delivered() == []


def test_refund__answer_lost__is_made_once(shop):
    checkout = shop.open()
    shop.pay(checkout)
    shop.node.given["usdc"] = 0
    shop.turn()
    shop.now += SETTINGS.give_up_seconds + 1
    shop.deliver()
    shop.processor.loses_answers = True
    shop.look()
    shop.processor.loses_answers = False
    shop.now += 3_600

    shop.look()

    found = shop.read(checkout)
    assert (found.state, found.refunded) == (CheckoutState.REFUNDED, 2_000)
    assert shop.book.find(found.session).session.refunded == 2_000
    assert shop.differences() == []


def test_purchase__part_went_back_before_delivery__goes_back_whole(shop):
    checkout = shop.open()
    shop.pay(checkout, "4000000000007726")

    shop.turn()

    assert shop.read(checkout).state is CheckoutState.REFUNDED
    assert shop.node.delivered() == []
    assert shop.differences() == []


def test_refund__after_delivery__is_our_loss_and_nothing_more_is_sent(shop):
    checkout = buy(shop)
    shop.book.refund(shop.read(checkout).session, 500, "by hand")

    shop.turn()
    shop.bury_deep()

    found = shop.read(checkout)
    assert (found.state, found.refunded) == (CheckoutState.DELIVERED, 500)
    assert shop.balances()["refunds", "usd"] == 500
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.differences() == []


def test_dispute__before_delivery__holds_it_and_freezes_card_and_account(shop):
    checkout = shop.open()
    shop.pay(checkout, "4000000000000259")

    shop.turn()

    assert shop.read(checkout).state is CheckoutState.HELD
    assert shop.node.delivered() == []
    with pytest.raises(LimitReached, match="disputed"):
        shop.open()
    assert shop.differences() == []


def test_dispute__won__is_delivered_after_all(shop):
    checkout = shop.open()
    shop.pay(checkout, "4000000000000259")
    shop.turn()
    shop.book.dispute(shop.read(checkout).session, DisputeState.WON)

    shop.turn()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    assert shop.differences() == []


def test_dispute__lost_before_delivery__delivers_nothing(shop):
    checkout = shop.open()
    shop.pay(checkout, "4000000000000259")
    shop.turn()
    shop.book.dispute(shop.read(checkout).session, DisputeState.LOST)

    shop.turn()

    assert shop.read(checkout).state is CheckoutState.LOST
    assert shop.node.delivered() == []
    assert shop.differences() == []


def test_dispute__lost_after_delivery__is_a_loss_and_freezes(shop):
    checkout = buy(shop)
    shop.bury_deep()
    session = shop.read(checkout).session
    for state in (DisputeState.OPEN, DisputeState.LOST):
        shop.book.dispute(session, state)
        shop.turn()

    assert shop.read(checkout).state is CheckoutState.DELIVERED
    assert shop.balances()["losses", "usd"] == 2_000
    assert shop.differences() == []
    with pytest.raises(LimitReached):
        shop.open()


def test_card__frozen_by_a_dispute__is_refunded_when_it_pays_again(shop):
    first = shop.open()
    second = shop.open(purpose=Purpose.ACCOUNT)
    shop.pay(first, "4000000000000259")
    shop.turn()
    shop.pay(second, "4000000000000259")
    shop.book.dispute(shop.read(second).session, DisputeState.WON)

    shop.turn()

    assert shop.read(second).state is CheckoutState.REFUNDED
    assert shop.node.delivered() == []


def test_two_gateways__one_store__deliver_each_purchase_once(shop):
    other = shop.build()
    bought = [shop.open() for _ in range(5)]
    for checkout in bought:
        shop.pay(checkout)
    shop.tell()
    for _ in range(3):
        for gateway in (shop.gateway, other):
            gateway.lookout.step()
            gateway.deliveries.step()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)] * 5
    assert shop.differences() == []
    other.deliveries.close()


def test_gateway__whose_leader_died__is_followed_by_the_other(shop):
    other = shop.build()
    checkout = shop.open()
    shop.pay(checkout)
    shop.tell()
    shop.look()
    shop.node.crash_at = "sent"
    with pytest.raises(Crash):
        shop.gateway.deliveries.step()
    shop.gateway.deliveries.close()

    until = time.monotonic() + 60
    while not shop.node.delivered() and time.monotonic() < until:
        # A server lets go of the dead leader's lock a moment after its connection has ended.
        other.deliveries.step()

    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    other.deliveries.close()

"""A saved card is charged when its account asks: once, within its limit, until it is forgotten."""

import json

import pytest

from payments.sandbox.cards import CARDS
from tests.matcher.fake_town import Http
from tests.payments.shop import BOUGHT, CARD
from tests.payments.test_payments_api import BUYER, sign_body
from tests.payments.treasury_node import DEVELOPER
from wasmarket.kernel.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    LimitReached,
    NotFound,
    TimedOut,
    Unreachable,
)
from wasmarket.store.enums import CheckoutState, SavedCardState

pytestmark = pytest.mark.unit

NUMBERS = {card.name: card.number for card in CARDS}
STRANGER = BUYER.address
MONTH = 31 * 86_400


@pytest.fixture
def saved(shop):
    """Return the purchase at which the developer's card was saved, for 50.00 a month."""
    checkout = shop.save_card()
    shop.pay(checkout)
    shop.turn()
    assert shop.read(checkout).state is CheckoutState.DELIVERED
    return checkout


def test_save__paid_on_its_page__keeps_what_was_agreed_to(shop, saved):
    card = shop.card(saved)

    assert (card.state, card.last_digits, card.agreed_at) == ("active", "4242", shop.now)
    assert "at most 50.00 USD in a calendar month" in card.terms
    assert CARD not in repr(card)


def test_save__not_paid__may_not_be_charged(shop):
    shop.save_card()

    with pytest.raises(NotFound, match="lets no card be charged"):
        shop.charge()


def test_charge__of_a_saved_card__tops_up_the_deal_once_for_a_key(shop, saved):
    first = shop.charge(key="the first")
    shop.turn()

    assert shop.charge(key="the first") == first
    shop.turn()
    assert shop.read(first).state is CheckoutState.DELIVERED
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)] * 2
    shop.settle()
    assert shop.differences() == []


def test_charge__gateway_killed_before_it_is_confirmed__is_made_once(shop, saved):
    charged = shop.charge()
    shop.kill()
    for _ in range(3):
        shop.turn()

    assert shop.read(charged).state is CheckoutState.DELIVERED
    assert len(shop.node.delivered()) == 2
    shop.settle()
    assert shop.differences() == []


def test_charge__answer_of_the_confirmation_lost__is_made_once(shop, saved):
    charged = shop.charge()
    shop.processor.loses_answers = True
    assert isinstance(shop.look(), TimedOut)
    shop.processor.loses_answers = False
    shop.now += 30

    shop.turn()

    assert shop.read(charged).state is CheckoutState.DELIVERED
    assert shop.book.find(shop.read(charged).session).session.amount == 2_000
    assert len(shop.node.delivered()) == 2


def test_charge__processor_down_when_it_begins__may_be_asked_for_again_under_its_key(shop, saved):
    shop.processor.is_down = True
    with pytest.raises(Unreachable):
        shop.charge()
    shop.processor.is_down = False

    charged = shop.charge()
    shop.turn()

    assert shop.read(charged).state is CheckoutState.DELIVERED


@pytest.mark.parametrize("name", ["3-D Secure", "declined when charged later"])
def test_charge__declined_without_its_owner__says_so_and_charges_nothing(shop, name):
    checkout = shop.save_card()
    shop.pay(checkout, NUMBERS[name])
    shop.turn()

    charged = shop.charge()
    shop.turn()

    found = shop.read(charged)
    assert (found.state, found.received) == (CheckoutState.EXPIRED, 0)
    assert "the card was not charged: Your" in found.reason
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]


def test_charge__above_the_months_limit__is_refused_until_the_next_month(shop, saved):
    shop.charge(3_000, key="key number 1")
    shop.turn()
    with pytest.raises(LimitReached, match=r"50\.00 USD in a month, and was for 30\.00 USD"):
        shop.charge(2_001, key="key number 2")
    shop.charge(2_000, key="key number 2")

    shop.now += MONTH

    shop.charge(5_000, key="key number 3")


def test_charge__declined__does_not_use_up_the_limit(shop):
    checkout = shop.save_card()
    shop.pay(checkout, NUMBERS["declined when charged later"])
    shop.turn()
    for number in range(4):
        shop.charge(5_000, key=f"key number {number}")
        shop.turn()

    assert shop.gateway.cards.find(DEVELOPER)[1] == 0


def test_forget__while_a_charge_waits__charges_nothing_more(shop, saved):
    charged = shop.charge()

    shop.gateway.cards.cancel(DEVELOPER)

    shop.turn()
    assert shop.read(charged).state is CheckoutState.EXPIRED
    assert shop.card(saved).state is SavedCardState.CANCELLED
    assert shop.node.delivered() == [("top_up", 1, BOUGHT)]
    with pytest.raises(NotFound):
        shop.charge(key="another key")


def test_forget__processor_down__holds_at_once_and_is_told_again_later(shop, saved):
    shop.processor.is_down = True
    shop.gateway.cards.cancel(DEVELOPER)
    with pytest.raises(NotFound):
        shop.charge()
    shop.processor.is_down = False
    method = shop.card(saved).method

    shop.gateway.cards.cancel(DEVELOPER)

    assert all(entry.session.method != method for entry in shop.book._entries.values())


def test_save__again__replaces_the_card_that_was_there(shop, saved):
    again = shop.save_card(most=9_000)
    assert shop.card(saved).state is SavedCardState.ACTIVE
    shop.pay(again)
    shop.turn()

    assert shop.card(saved).state is SavedCardState.CANCELLED
    shop.charge(8_000)


def test_charge__card_frozen_by_a_dispute__is_refused(shop, saved):
    shop.book.dispute(shop.read(saved).session, "open")
    shop.tell()
    shop.look()

    with pytest.raises(LimitReached, match="disputed"):
        shop.charge()


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        ({"deal": 100}, NotFound, "no deal 100"),
        ({"amount": 99}, InvalidInput, "is not within"),
        ({"account": STRANGER}, NotFound, "lets no card be charged"),
    ],
)
def test_charge__of_what_cannot_be__is_refused_and_nothing_is_kept(
    shop, saved, wanted, error, words
):
    shop.settle()

    with pytest.raises(error, match=words):
        shop.charge(**wanted)

    assert shop.unsettled() == []


def test_charge__key_that_was_used_for_another_amount__is_a_conflict(shop, saved):
    shop.charge(2_000)

    with pytest.raises(Conflict, match="was used for another charge"):
        shop.charge(2_100)


@pytest.mark.parametrize("most", [0, 99, 100_001])
def test_save__limit_out_of_bounds__is_refused(shop, most):
    with pytest.raises(InvalidInput, match="a month is not within"):
        shop.save_card(most=most)


def test_save__for_anothers_deal__is_refused(shop):
    with pytest.raises(Forbidden, match="its own account's deals only"):
        shop.save_card(account=STRANGER)


def test_routes__signed_by_the_account__save_show_charge_and_forget(shop):
    shop.node.chain.answer("Market", "owner_of_deal", lambda _: BUYER.address)
    http = Http(shop.gateway.app)
    path = f"/v1/accounts/{BUYER.address}"

    def send(method, target, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        headers = sign_body(shop, target, method, body)
        return http.request(method, target, content=body, headers=headers)

    purchase = {"amount": "2000", "currency": "usd", "purpose": {"top_up": 1}}
    opened = send("POST", f"{path}/card", purchase | {"most_per_month": "5000"}).json()
    page = http.get(f"/checkouts/{opened['id']}").text
    assert "charge it for at most 50.00 USD in a calendar month" in page
    assert send("GET", f"{path}/card").json()["state"] == "asked"
    shop.pay(opened["id"])
    shop.turn()
    asked = {"deal": 1, "amount": "2000", "currency": "usd", "key": "a key of ours"}
    assert send("POST", f"{path}/charges", asked).status_code == 400
    asked["key"] = "a-key-of-ours"
    charged = send("POST", f"{path}/charges", asked)
    assert (charged.status_code, charged.json()["pay"]) == (201, None)
    shop.turn()
    assert send("GET", f"{path}/charges/{asked['key']}").json()["state"] == "delivered"
    shown = send("GET", f"{path}/card").json()
    assert (shown["state"], shown["charged"], shown["card"]) == ("active", "2000", "4242")
    assert send("DELETE", f"{path}/card").json()["state"] == "cancelled"
    other = asked | {"key": "another-key"}
    assert send("POST", f"{path}/charges", other).status_code == 404
    for method, target in (
        ("GET", "card"),
        ("DELETE", "card"),
        ("POST", "card"),
        ("POST", "charges"),
        ("GET", "charges/a-key-of-ours"),
    ):
        assert http.request(method, f"{path}/{target}", content=b"{}").status_code == 401


def test_routes__signed_by_another_account__are_refused(shop):
    http = Http(shop.gateway.app)
    path = f"/v1/accounts/{DEVELOPER}/card"

    for method in ("GET", "DELETE"):
        answer = http.request(method, path, headers=sign_body(shop, path, method, b""))
        assert answer.status_code == 403

"""Buying what is missing by card: asked first, followed to its end, never taken for granted."""

from types import SimpleNamespace

import click
import pytest

from wasmarket.kernel.errors import Refused, TimedOut, Unfunded, Unreachable
from wasmarket_cli.paying import buying
from wasmarket_cli.paying.buying import follow, offer_purchase, pay_missing, show_quote, tokens_of

pytestmark = pytest.mark.unit

CHECKOUT = {
    "id": "c1",
    "currency": "usd",
    "amount": "2005",
    "fee": "30",
    "token": "usdc",
    "tokens": "19100000",
    "expires_at": 1_700_000_000,
    "page": "https://pay.example.org/c1",
}


def state(name, reason="", delivery=None):
    return CHECKOUT | {"state": name, "reason": reason, "delivery": delivery}


class Seller:
    """A payment gateway that goes through these states."""

    address = "0x" + "11" * 20

    def __init__(self, *states, error=None):
        self.states = states
        self.error = error
        self.opened = []

    def follow(self, checkout, seconds):
        yield from self.states
        if self.error is not None:
            raise self.error

    def open(self, amount, currency, purpose):
        self.opened.append((amount, currency, purpose))
        return CHECKOUT

    def amount_for(self, missing, currency):
        if self.error is not None and not self.states:
            raise self.error
        return 2_005

    def missing_for(self, cost):
        return cost


@pytest.fixture
def answers(monkeypatch):
    """What is answered when somebody is asked, and what was asked."""
    asked = SimpleNamespace(yes=True, questions=[])

    def confirm(question):
        asked.questions.append(question)
        return asked.yes

    monkeypatch.setattr(buying.click, "confirm", confirm)
    return asked


def short():
    """An act that lacks money the first time."""
    tries = iter((Unfunded("not enough"), "done"))

    def act():
        outcome = next(tries)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return act


def test_quote__is_told_with_fee_tokens_and_page(capsys):
    show_quote(CHECKOUT)

    told = capsys.readouterr().out
    assert "20.05 USD by card, of which 0.30 fee, give 19.100000 USDC until " in told
    assert "pay here: https://pay.example.org/c1" in told
    assert tokens_of(CHECKOUT | {"token": "flt", "tokens": str(10**18)}) == "1 FLT"


@pytest.mark.parametrize(
    ("delivery", "where"),
    [
        ({"kind": "top_up", "deal": 7, "tx": "0xaa"}, "went to deal 7 (transaction 0xaa)"),
        ({"kind": "account", "to": "0xbb", "tx": "0xaa"}, "went to 0xbb (transaction 0xaa)"),
    ],
)
def test_follow__to_its_delivery__says_each_step_and_where_it_went(capsys, delivery, where):
    seller = Seller(state("open"), state("paid", "waiting"), state("delivered", "", delivery))

    found = follow(seller, "c1", 9, is_quiet=False)

    told = capsys.readouterr().out
    assert found["state"] == "delivered"
    assert "  paid: waiting\n" in told
    assert where in told


def test_follow__quietly__says_nothing(capsys):
    follow(Seller(state("refunded", "too late")), "c1", 9, is_quiet=True)

    assert capsys.readouterr().out == ""


def test_missing_money__that_is_bought__lets_the_act_be_done(answers, capsys):
    seller = Seller(state("delivered", "", {"kind": "account", "to": "0xbb", "tx": "0xaa"}))

    assert pay_missing(short(), seller, 19_100_000) == "done"

    assert answers.questions == ["Buy them by card for 20.05 USD?"]
    assert seller.opened == [(2_005, "usd", {"account": Seller.address})]


def test_missing_money__that_nobody_wants_to_buy__is_the_error_it_was(answers):
    answers.yes = False
    with pytest.raises(Unfunded):
        pay_missing(short(), Seller(), 19_100_000)

    with pytest.raises(Unfunded):
        pay_missing(short(), None, 19_100_000)


def test_missing_money__without_a_gateway__is_the_error_it_was(answers):
    with pytest.raises(Unfunded):
        pay_missing(short(), Seller(error=Unreachable("nobody sells")), 19_100_000)

    assert answers.questions == []


@pytest.mark.parametrize(
    ("seller", "words"),
    [
        (Seller(state("expired")), "the purchase is expired"),
        (Seller(state("open"), error=TimedOut("not paid yet")), "not paid yet"),
    ],
)
def test_purchase__that_is_not_delivered__is_refused(answers, seller, words):
    with pytest.raises(Refused, match=words):
        offer_purchase(seller, 19_100_000)


def test_buy__for_a_deal_and_an_account__is_refused():
    context = click.Context(buying.buy)

    with pytest.raises(Exception, match="a deal takes USDC"), context:
        context.invoke(
            buying.buy.callback,
            amount=100,
            currency="usd",
            deal=7,
            to=None,
            flt=True,
            opens=False,
            no_follow=True,
            wait=1,
            key=None,
            as_json=False,
        )

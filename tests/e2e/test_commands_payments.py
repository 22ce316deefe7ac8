"""`buy`, `signup`, `payments …` against a running market with its sandbox of cards."""

import os
import re
import subprocess
from html import unescape

import httpx
import pytest

from payments.sandbox.cards import CARDS
from tests.e2e.market_driver import COMMAND, GREETING, wait_until
from tests.measuring import measured

pytestmark = pytest.mark.e2e

NUMBERS = {card.name: card.number for card in CARDS}
BOUGHT = 19_100_000
"""USDC base units for 20.00 dollars: the fee is 3 % and 0.30."""


def pay(page, card="success"):
    """Do what a buyer does in a browser; return the processor's answer."""
    [link] = re.findall(r'<a class="pay" href="([^"]+)"', httpx.get(page).text)
    return httpx.post(unescape(link), data={"number": NUMBERS[card]})


def state_of(market, checkout, key):
    found = market.run("payments", "history", "--key", key, "--json").json
    return next(one for one in found if one["id"] == checkout)["state"]


@pytest.fixture
def buyer(market):
    return market.new_account("buyer", funded=False)


def test_buy__for_a_deal__tops_it_up_while_the_command_follows(market, deal):
    before = market.client().deal(deal)["balance"]
    process = subprocess.Popen(
        [COMMAND, "--home", market.home.root, "buy", "20", "usd", "--deal", str(deal)],
        env=os.environ | measured() | {"WASMARKET_HOME": str(market.home.root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        for line in process.stdout:
            if found := re.match(r"pay here: (\S+)", line):
                assert pay(found[1]).status_code == 200
                break
        rest = process.stdout.read()

    assert process.returncode == 0, rest
    assert f"19.100000 USDC went to deal {deal}" in rest
    wait_until(
        "the indexer has seen it",
        lambda: int(market.client().deal(deal)["balance"]) > int(before) + BOUGHT // 2,
    )


def test_buy__for_an_account__has_a_receipt_that_the_account_can_read(market, buyer):
    opened = market.run("buy", "20", "usd", "--key", buyer, "--no-follow", "--json")
    assert opened.code == 0, opened.err
    checkout = opened.json["id"]
    pay(opened.json["page"])
    wait_until("it is delivered", lambda: state_of(market, checkout, buyer) == "delivered")

    assert market.balance(buyer)["usdc"] == str(BOUGHT)
    receipt = market.run("payments", "receipt", checkout, "--key", buyer)
    assert (receipt.code, "ends with 4242" in receipt.out) == (0, True)
    table = market.run("payments", "history", "--key", buyer)
    assert "19.100000 USDC" in table.out
    assert market.run("payments", "receipt", checkout).code == 3
    reconciled = market.run("payments", "reconcile", "--json")
    assert (reconciled.code, reconciled.json) == (0, {"differences": []})


def test_buy__card_that_is_declined__can_be_tried_with_another(market, buyer):
    opened = market.run("buy", "10", "eur", "--flt", "--key", buyer, "--no-follow", "--json").json
    declined = pay(opened["page"], "declined")
    assert (declined.status_code, "was declined" in declined.text) == (402, True)

    pay(opened["page"])

    wait_until("it is delivered", lambda: state_of(market, opened["id"], buyer) == "delivered")
    assert int(market.balance(buyer)["flt"]) == int(opened["tokens"]) > 0


def test_buy__disputed__is_held_and_the_account_buys_no_more_until_it_is_thawed(market, buyer):
    opened = market.run("buy", "5", "usd", "--key", buyer, "--no-follow", "--json").json
    pay(opened["page"], "dispute")
    wait_until("it is held", lambda: state_of(market, opened["id"], buyer) == "held")

    refused = market.run("buy", "5", "usd", "--key", buyer, "--no-follow")
    frozen = market.run("payments", "thaw", "--json").json
    address = market.address(buyer)
    assert (refused.code, "is disputed" in refused.err) == (3, True)
    assert address in {one["key"] for one in frozen}
    assert market.run("payments", "thaw", address).code == 0
    assert market.run("payments", "thaw", address).code == 1
    assert market.run("buy", "5", "usd", "--key", buyer, "--no-follow").code == 0
    for one in frozen:
        market.run("payments", "thaw", one["key"])


def test_signup__new_key__gets_coins_once(market):
    name = "signed-up"
    first = market.run("signup", name, "--no-password", "--json")
    again = market.run("signup", name, "--json")

    assert (first.code, first.json["why"]) == (0, None), first.err
    assert again.json["address"] == first.json["address"] == market.address(name)
    granted = int(first.json["grant_wei"])
    wait_until("the coins are there", lambda: market.balance(name)["gas_wei"] == str(granted))
    assert granted == 10**17


def test_signup__without_a_name_where_there_are_keys__asks_which(market):
    ran = market.run("signup")

    assert (ran.code, "there are keys already" in ran.err) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("0", "usd"), 2, "is not within"),
        (("1.001", "usd"), 2, "more than 2 decimals"),
        (("20", "gbp"), 2, "not one of"),
        (("0.50", "usd"), 2, "not within 1.00 USD and 1000.00 USD"),
        (("5000", "usd"), 2, "not within"),
        (("20", "usd", "--deal", "99999"), 1, "there is no deal 99999"),
        (("20", "usd", "--deal", "1", "--flt"), 2, "a deal takes USDC"),
    ],
)
def test_buy__what_cannot_be_bought__is_said(market, arguments, code, words):
    ran = market.run("buy", *arguments)

    assert words in ran.err
    assert ran.code == code


def test_deploy__without_money__says_how_to_buy_some(market, buyer):
    ran = market.run("deploy", GREETING, "--yes", "--key", buyer, "--new")

    assert (ran.code, "wasmarket buy 20 usd" in ran.err) == (3, True), ran.err


def test_config__secrets_of_payments__are_not_shown(market):
    shown = market.run("config", "show", "--json").json["payments"]

    assert (shown["processor_key"], shown["webhook_secrets"]) == ("(set)", "(set)")

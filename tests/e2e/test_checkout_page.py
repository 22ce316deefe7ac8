"""The page of a checkout and the sandbox's card page, in a browser as buyers have it."""

import re
from urllib.parse import urlsplit

import pytest

from payments.sandbox.cards import CARDS
from tests.e2e.browser import NEEDS_BROWSER, PHONE, expect

pytestmark = [pytest.mark.e2e, *NEEDS_BROWSER]

NUMBERS = {card.name: card.number for card in CARDS}


@pytest.fixture
def opened(market):
    """Return a checkout over 20.00 dollars for an account of its own."""
    buyer = market.new_account("buyer", funded=False)
    found = market.run("buy", "20", "usd", "--key", buyer, "--no-follow", "--json").json
    return found | {"key": buyer}


def look(visitor):
    """Check what holds of every page: it fits, nobody is kept out, nothing is from elsewhere."""
    visitor.wait_fitted()
    assert visitor.find_barriers() == []
    market = visitor.market
    own = {market.client().gateway.url, market.wiring.client.payments}
    for url in visitor.asked:
        parts = urlsplit(url)
        assert parts.hostname in {urlsplit(one).hostname for one in own}, url


def go_to_card(visitor, opened):
    answer = visitor.page.goto(opened["page"])
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    look(visitor)
    visitor.page.get_by_role("link", name="Pay 20.00 USD by card").click()
    expect(visitor.page.get_by_role("heading", name="Pay by card")).to_be_visible()
    look(visitor)


def pay(page, card):
    page.get_by_label("Card number").fill(" ".join(re.findall("....", NUMBERS[card])))
    page.get_by_role("button", name="Pay 20.00 USD").click()


def expect_delivered(visitor, opened):
    """Wait for the page to come back by itself, and for the tokens."""
    expect(visitor.page.get_by_role("status")).to_contain_text("Done: the tokens are there")
    assert visitor.page.url == opened["page"]
    expect(visitor.page.get_by_text("Transaction 0x")).to_be_visible()
    balance = visitor.market.balance(opened["key"])
    assert balance["usdc"] == "19100000"


def test_checkout_page__card_that_pays__leads_back_and_says_that_it_is_done(visitor, opened):
    go_to_card(visitor, opened)
    for text in ("USDC for 0x", "20.00 USD"):
        expect(visitor.page.get_by_text(text).first).to_be_visible()

    pay(visitor.page, "success")

    expect_delivered(visitor, opened)
    look(visitor)


def test_checkout_page__card_that_is_declined__says_why_and_takes_another(visitor, opened):
    go_to_card(visitor, opened)

    pay(visitor.page, "declined")

    expect(visitor.page.get_by_role("alert")).to_have_text("Your card was declined.")
    look(visitor)
    pay(visitor.page, "success")
    expect_delivered(visitor, opened)


def test_checkout_page__bank_that_asks__pays_only_when_it_is_told_to(visitor, opened):
    go_to_card(visitor, opened)
    pay(visitor.page, "3-D Secure")
    expect(visitor.page.get_by_role("heading", name="3-D Secure")).to_be_visible()
    look(visitor)

    visitor.page.get_by_role("button", name="Refuse").click()

    expect(visitor.page.get_by_role("alert")).to_have_text("Your bank did not approve.")
    pay(visitor.page, "3-D Secure")
    visitor.page.get_by_role("button", name="Approve").click()
    expect_delivered(visitor, opened)


def test_checkout_page__on_a_phone_and_from_the_keyboard__is_whole(visitor, opened):
    visitor.page.set_viewport_size(PHONE)
    go_to_card(visitor, opened)

    visitor.page.get_by_label("Card number").focus()
    visitor.page.keyboard.type(NUMBERS["success"])
    visitor.page.keyboard.press("Enter")

    expect_delivered(visitor, opened)
    look(visitor)


def test_checkout_page__browser_without_scripts__pays_all_the_same(browser, opened):
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(opened["page"])
    page.get_by_role("link", name="Pay 20.00 USD by card").click()

    pay(page, "success")
    page.get_by_role("link", name="Go back").click()

    expect(page.get_by_role("status")).to_contain_text("Done: the tokens are there")
    context.close()


def test_explorer__buy_button_of_a_deal__leads_to_a_purchase_for_it(visitor, market, deal):
    visitor.open(f"/deals/{deal}")
    link = visitor.page.get_by_role("link", name="Buy with a card")
    link.click()
    expect(visitor.page.get_by_role("heading", name=f"Buy USDC for deal {deal}")).to_be_visible()
    look(visitor)
    visitor.page.get_by_label("Amount").fill("0.10")
    visitor.page.get_by_role("button", name="Show what it gives").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("is not within")
    look(visitor)

    visitor.page.get_by_label("Amount").fill("20")
    visitor.page.get_by_role("button", name="Show what it gives").click()

    expect(visitor.page.get_by_role("link", name="Pay 20.00 USD by card")).to_be_visible()
    expect(visitor.page.get_by_role("heading", name=f"Buy USDC for deal {deal}")).to_be_visible()


def test_explorer__account_page__leads_to_a_purchase_for_it(visitor, market):
    address = market.address("developer")
    visitor.open(f"/accounts/{address}")

    visitor.page.get_by_role("link", name="Buy with a card").click()

    expect(visitor.page.get_by_role("heading", name=f"Buy USDC for {address}")).to_be_visible()

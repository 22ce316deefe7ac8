"""The demo's chapter of cards: a purchase in the sandbox tops up a deal."""

import re
from html import unescape

import httpx

from scripts.story.teller import Teller
from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.units import format_usdc

CARD = "4242 4242 4242 4242"
CENTS, CURRENCY = 2_000, "usd"
WAIT_SECONDS = 120.0


class NotBought(MarketError):
    """A purchase went another way than it should"""

    slug = "not-bought"


def pay_by_card(page: str, card: str = CARD) -> None:
    """Do what a buyer does on a checkout's page (HTML): follow its button, type a card.

    Raises NotBought.
    """
    found = re.search(r'<a class="pay" href="([^"]+)"', page)
    if found is None:
        raise NotBought("the page has nothing to pay on")
    answer = httpx.post(unescape(found[1]), data={"number": card})
    if not answer.is_success:
        raise NotBought(f"the card was not taken: {answer.text}")


def buy_by_card(client: PaymentsClient, teller: Teller, deal: int) -> int:
    """Buy USDC for a deal; return the base units that it got. Raises NotBought."""
    checkout = client.open(CENTS, CURRENCY, {"top_up": deal})
    tokens = int(checkout["tokens"])
    teller.fact(
        f"{CENTS / 100:.2f} {CURRENCY.upper()}, of which {int(checkout['fee']) / 100:.2f} fee, give"
        f" {format_usdc(tokens)} USDC for 15 minutes: {checkout['page']}"
    )
    pay_by_card(client.service.send("GET", f"/checkouts/{checkout['id']}").text)
    with teller.waiting("the treasury tops up the deal"):
        for state in client.follow(checkout["id"], WAIT_SECONDS):
            checkout = state
    if checkout["state"] != "delivered":
        raise NotBought(f"the purchase is {checkout['state']}: {checkout['reason']}")
    teller.fact(f"paid by {CARD}; transaction {checkout['delivery']['tx'][:10]}… tops up the deal")
    return tokens

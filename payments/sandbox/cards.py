"""The sandbox's test cards: each number has its own way to go. The first seven are Stripe's usual
ones."""

from dataclasses import dataclass

from wasmarket.kernel.errors import InvalidInput

DIGITS = 16


@dataclass(frozen=True, slots=True)
class SandboxCard:
    """What happens to a payment by one number.

    `refusal`: why it is declined. `asks`: whether the bank has a step of its own (3-D Secure).
    `is_late`, `is_doubled`, `is_reversed`: how its webhooks come. `disputes`: the bank takes it
    back at once. `returned_percent`: a part that goes back by the processor's own doing.
    """

    number: str
    name: str
    refusal: str = ""
    asks: bool = False
    is_late: bool = False
    is_doubled: bool = False
    is_reversed: bool = False
    disputes: bool = False
    returned_percent: int = 0
    refusal_later: str = ""
    """Why a charge without its owner is declined, where it was saved."""


CARDS = (
    SandboxCard("4242424242424242", "success"),
    SandboxCard("4000000000000002", "declined", refusal="Your card was declined."),
    SandboxCard("4000000000009995", "insufficient", refusal="Your card has insufficient funds."),
    SandboxCard(
        "4000002500003155",
        "3-D Secure",
        asks=True,
        refusal_later="Your bank wants to be asked by yourself.",
    ),
    SandboxCard("4000000000000259", "dispute", disputes=True),
    SandboxCard("4000000000007726", "partial refund", returned_percent=25),
    SandboxCard(
        "4000000000000341", "declined when charged later", refusal_later="Your card was declined."
    ),
    SandboxCard("4000000000010019", "late webhook", is_late=True),
    SandboxCard("4000000000010027", "duplicate webhook", is_doubled=True),
    SandboxCard("4000000000010035", "out-of-order webhook", is_reversed=True),
)


def find_card(number: str) -> SandboxCard:
    """Return the test card of a number as people type it. Raises InvalidInput."""
    digits = "".join(number.split()).replace("-", "")
    for card in CARDS:
        if card.number == digits:
            return card
    raise InvalidInput(
        "that is no test card: no real card is taken here",
        field="number",
        remedy=f"use {CARDS[0].number}",
    )

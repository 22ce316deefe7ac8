"""Cards that accounts let be charged for top-ups: agreed to on a page, within a limit a month.

Only the account's signature charges, and only for its own deals. What it agreed to is kept as it
was shown. The gateway knows the processor's names for a card, never its number.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from payments.checkouts.opening import CheckoutDesk, PurchaseRequest
from payments.processors.protocol import PaymentOrder, PaymentPage, Processor, SavedMethod
from payments.quoting.quotes import write_money
from payments.settings import PaymentsSettings
from wasmarket.kernel.errors import (
    BrokenOff,
    Conflict,
    Forbidden,
    InvalidInput,
    LimitReached,
    MarketError,
    NotFound,
    Refused,
    TimedOut,
    Unreachable,
)
from wasmarket.kernel.units import Address, DealId
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import FrozenKind, Purpose
from wasmarket.store.payments.checkouts import fetch_checkout, update_checkout
from wasmarket.store.payments.parties import find_frozen, serialize
from wasmarket.store.payments.saved_cards import (
    add_saved_card,
    cancel_cards,
    fetch_cards_of,
    find_card_of,
    find_charge,
    sum_charged,
)
from wasmarket.store.payments.views import Checkout, SavedCard

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """What an account has its card charged for: minor units, once a `key`."""

    deal: DealId
    amount: int
    currency: str
    key: str


class CardDesk:
    """Saves cards, charges them, forgets them."""

    def __init__(
        self,
        database: Database,
        processor: Processor,
        desk: CheckoutDesk,
        settings: PaymentsSettings,
        *,
        now: Callable[[], int],
    ) -> None:
        """`now`: wall-clock seconds."""
        self._database = database
        self._processor = processor
        self._desk = desk
        self._settings = settings
        self._now = now

    def ask(self, account: Address, wanted: PurchaseRequest, most: int, client: str) -> Checkout:
        """Open a checkout whose card may be charged later, for at most so much in a month.

        Raises as opening does; InvalidInput, Forbidden (another account's deal).
        """
        least, highest = self._settings.min_amount, self._settings.max_card_month
        if not least <= most <= highest:
            raise InvalidInput(
                f"{write_money(most, wanted.currency)} a month is not within"
                f" {write_money(least, wanted.currency)} and"
                f" {write_money(highest, wanted.currency)}",
                field="most_per_month",
                remedy="the amount is in minor units: 5000 for 50.00",
            )
        checkout = self._desk.quote(wanted, client)
        _check_owner(checkout, account)
        card = SavedCard(
            checkout.id,
            account,
            self._processor.name,
            checkout.currency,
            most,
            write_terms(account, most, checkout.currency),
            checkout.created_at,
        )
        with self._database.write() as session:
            serialize(session)
            self._desk.keep(session, checkout)
            add_saved_card(session, card)
        return self._desk.begin(checkout, self._processor.open_session, saves_card=True)

    def find(self, account: Address) -> tuple[SavedCard, int]:
        """Return an account's card, the newest, and what it was charged this month (minor units).

        Raises NotFound.
        """
        with self._database.read() as session:
            card = find_card_of(session, account)
            if card is None:
                card = next(iter(fetch_cards_of(session, account)), None)
            if card is None:
                raise _no_card(account)
            return card, sum_charged(session, card.checkout, self._month())

    def cancel(self, account: Address) -> SavedCard:
        """Let an account's cards be charged no more from now on; return the newest.

        The processor is told too; where it does not answer that is done when it is asked again.
        Raises NotFound.
        """
        with self._database.write() as session:
            cancel_cards(session, account, self._now())
            cards = fetch_cards_of(session, account)
        if not cards:
            raise _no_card(account)
        for card in cards:
            if card.customer and card.method:
                try:
                    self._processor.forget_card(SavedMethod(card.customer, card.method))
                except (Unreachable, TimedOut, BrokenOff, Refused) as error:
                    logger.warning("a card was not forgotten", extra={"why": error.detail})
        return cards[0]

    def charge(self, account: Address, wanted: ChargeRequest, client: str) -> Checkout:
        """Have an account's card charged for a deal of its own; the same purchase for one key.

        Raises NotFound (no card, no deal), Forbidden, Conflict (the key was used for something
        else), LimitReached, InvalidInput, Unreachable, Refused.
        """
        with self._database.read() as session:
            known = self._find_known(session, account, wanted)
            if known is not None:
                return known
            if find_card_of(session, account) is None:
                raise _no_card(account)
        purchase = PurchaseRequest(wanted.currency, wanted.amount, Purpose.TOP_UP, wanted.deal)
        checkout = self._desk.quote(purchase, client)
        _check_owner(checkout, account)
        with self._database.write() as session:
            serialize(session)
            known = self._find_known(session, account, wanted)
            if known is not None:
                return known
            card = self._check_limit(session, account, wanted)
            checkout = replace(checkout, saved_card=card.checkout, charge_key=wanted.key)
            self._desk.keep(session, checkout)
        saved = SavedMethod(card.customer or "", card.method or "")

        def open_charge(order: PaymentOrder) -> PaymentPage:
            return self._processor.open_charge(order, saved)

        try:
            return self._desk.begin(checkout, open_charge)
        except MarketError:
            # Nothing can have been charged: the same key may be tried again.
            with self._database.write() as session:
                update_checkout(session, checkout.id, charge_key=None)
            raise

    def find_charge(self, account: Address, key: str) -> Checkout:
        """Return what an account asked for under a key. Raises NotFound."""
        with self._database.read() as session:
            known = find_charge(session, account, key)
            if known is None:
                raise NotFound("nothing was charged under this key", field="key")
            return fetch_checkout(session, known)

    def _find_known(
        self, session: Session, account: Address, wanted: ChargeRequest
    ) -> Checkout | None:
        known = find_charge(session, account, wanted.key)
        if known is None:
            return None
        found = fetch_checkout(session, known)
        asked = (wanted.deal, wanted.amount, wanted.currency)
        if (found.deal, found.amount, found.currency) != asked:
            raise Conflict(
                "this key was used for another charge",
                field="key",
                remedy="give each charge a key of its own",
            )
        return found

    def _check_limit(self, session: Session, account: Address, wanted: ChargeRequest) -> SavedCard:
        card = find_card_of(session, account)
        if card is None:
            raise _no_card(account)
        if card.currency != wanted.currency:
            raise InvalidInput(
                f"this card is charged in {card.currency.upper()}",
                field="currency",
                remedy=f"use {card.currency}",
            )
        if card.card and find_frozen(session, FrozenKind.CARD, card.card) is not None:
            raise LimitReached("a payment of this card is disputed", field="card")
        had = sum_charged(session, card.checkout, self._month())
        if had + wanted.amount > card.most_per_month:
            most = write_money(card.most_per_month, card.currency)
            raise LimitReached(
                f"this card may be charged for {most} in a month, and was for"
                f" {write_money(had, card.currency)}",
                field="amount",
                remedy="wait for the next month, or save the card again with a higher limit",
            )
        return card

    def _month(self) -> int:
        """Return when the calendar month began, in UTC."""
        now = datetime.fromtimestamp(self._now(), UTC)
        return int(now.replace(day=1, hour=0, minute=0, second=0).timestamp())


def write_terms(account: Address, most: int, currency: str) -> str:
    """Write what an account agrees to, as its page shows it."""
    return (
        f"You let this gateway save this card and charge it for at most"
        f" {write_money(most, currency)} in a calendar month (UTC), each time that {account} asks"
        " for it by its signature, to top up its own deals, until you cancel it:"
        " `wasmarket payments card forget`."
    )


def _check_owner(checkout: Checkout, account: Address) -> None:
    if checkout.account != account:
        raise Forbidden(
            "a saved card pays for its own account's deals only",
            field="deal",
            remedy=f"sign as {checkout.account}, or buy by `wasmarket buy --deal {checkout.deal}`",
        )


def _no_card(account: Address) -> NotFound:
    return NotFound(
        f"{account} lets no card be charged",
        field="card",
        remedy="save one: `wasmarket payments card save 20 usd --most-per-month 50`",
    )

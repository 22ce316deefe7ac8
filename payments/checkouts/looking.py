"""Ask the processor what became of checkouts, and act on it: the only way that money comes in."""

import logging
from collections import defaultdict
from collections.abc import Callable

from payments.books.postings import OWED, post_closing, post_payment
from payments.checkouts.judgement import UNPAID, Judgement, Terms, judge
from payments.metrics import PaymentsMetrics
from payments.processors.protocol import (
    Payment,
    Processor,
    SavedMethod,
    SessionState,
    WebhookEvent,
)
from payments.quoting.limits import BuyingLimits
from payments.settings import PaymentsSettings
from wasmarket.kernel.errors import BrokenOff, NotFound, Refused, TimedOut, Unreachable
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import (
    CheckoutState,
    DeliveryKind,
    DeliveryState,
    DisputeState,
    FrozenKind,
    Purpose,
    SavedCardState,
)
from wasmarket.store.payments.checkouts import (
    fetch_checkout,
    fetch_due_checkouts,
    find_checkout_id,
    update_checkout,
)
from wasmarket.store.payments.deliveries import add_delivery, find_delivery, update_delivery
from wasmarket.store.payments.entries import count_entries, fetch_balances, post_entry
from wasmarket.store.payments.parties import freeze, note_event, serialize
from wasmarket.store.payments.saved_cards import (
    cancel_cards,
    find_saved_card,
    update_saved_card,
)
from wasmarket.store.payments.views import Checkout, Delivery

logger = logging.getLogger(__name__)

SILENT = (Unreachable, TimedOut, BrokenOff)
LONGEST_SILENCE = 300
SLACK_SECONDS = 60
DAY, HOUR = 86_400, 3_600
DISPUTE_DAYS = 130
"""For so long after a purchase a bank may take it back, and it is looked at once a day."""
KEPT_EVENTS = 30 * DAY
KIND_OF = {
    Purpose.TOP_UP: DeliveryKind.TOP_UP,
    Purpose.ACCOUNT: DeliveryKind.USDC,
    Purpose.FLT: DeliveryKind.FLT,
}


class Lookout:
    """Looks at checkouts whose time has come, or of which a webhook told."""

    def __init__(
        self,
        database: Database,
        processor: Processor,
        settings: PaymentsSettings,
        metrics: PaymentsMetrics,
        *,
        now: Callable[[], int],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_change` is called when there may be something to deliver."""
        self._database = database
        self._processor = processor
        self._settings = settings
        self._terms = Terms(settings.quote_seconds, settings.late_seconds)
        # No wait of `_next_look`, `_put_off` or a quote is as long, of what is on its way.
        waits = (settings.look_seconds, settings.quote_seconds, LONGEST_SILENCE)
        self._furthest = max(waits) + SLACK_SECONDS
        self._limits = BuyingLimits(settings)
        self._metrics = metrics
        self._now = now
        self.on_change = on_change

    def hear(self, event: WebhookEvent) -> bool:
        """Take a signed event as a reason to look soon; say whether it is about one of ours."""
        now = self._now()
        with self._database.write() as session:
            found = find_checkout_id(
                session, self._processor.name, of_session=event.session, of_payment=event.payment
            )
            is_new = note_event(
                session, self._processor.name, event.id, event.kind, now, KEPT_EVENTS
            )
            if found is not None and is_new:
                update_checkout(session, found, look_at=now)
        outcome = "foreign" if found is None else "new" if is_new else "repeated"
        self._metrics.webhooks.labels(outcome).inc()
        return found is not None

    def step(self) -> None:
        """Look at all that are due. Raises Unreachable while the processor does not answer."""
        with self._database.read() as session:
            due = fetch_due_checkouts(session, self._now(), furthest=self._furthest)
        for checkout in due:
            self.look(checkout)

    def look(self, checkout: Checkout) -> None:
        """Ask about one checkout and act on the answer. Raises Unreachable, TimedOut, BrokenOff."""
        if checkout.session is None:
            # Its page was never made: nobody can have paid.
            self._put_off(checkout, None)
            return
        try:
            payment = self._fetch(checkout, checkout.session)
            if payment.state is SessionState.OPEN and self._is_charge(checkout):
                payment = self._charge(checkout, checkout.session)
            after = self.apply(checkout.id, payment)
            if after.state is CheckoutState.REFUNDING:
                self._refund(after, payment)
        except NotFound as error:
            logger.error("unknown to the processor", extra={"checkout": checkout.id})
            self._put_off(checkout, error.detail)
        except Refused as error:
            logger.warning(
                "the processor refuses", extra={"checkout": checkout.id, "why": error.detail}
            )
            self._put_off(checkout, error.detail)
        except SILENT:
            self._put_off(checkout, None, is_silent=True)
            raise

    def _fetch(self, checkout: Checkout, session: str) -> Payment:
        payment = self._processor.fetch_payment(session)
        is_over = self._now() > checkout.expires_at
        if payment.state is SessionState.OPEN and is_over:
            # Ended first and asked again: what was paid in between is seen.
            self._processor.end_session(session)
            payment = self._processor.fetch_payment(session)
        return payment

    def _is_charge(self, checkout: Checkout) -> bool:
        """Say whether a saved card is to be charged for it now, while its quote holds."""
        return checkout.saved_card is not None and self._now() <= checkout.expires_at

    def _charge(self, checkout: Checkout, session: str) -> Payment:
        """Have a saved card charged, if its owner has not cancelled that meanwhile."""
        with self._database.read() as opened:
            card = find_saved_card(opened, checkout.saved_card or "")
        if card is not None and card.state is SavedCardState.ACTIVE:
            self._processor.confirm_charge(session)
        else:
            self._processor.end_session(session)
        return self._processor.fetch_payment(session)

    def _refund(self, checkout: Checkout, payment: Payment) -> None:
        self._processor.refund(payment, payment.amount - payment.refunded, checkout.id)
        self.apply(checkout.id, self._processor.fetch_payment(payment.session))

    def apply(self, checkout_id: str, payment: Payment) -> Checkout:
        """Take over what the processor says, in one transaction; return the checkout as it is."""
        now = self._now()
        with self._database.write() as session:
            serialize(session)
            checkout = fetch_checkout(session, checkout_id, lock=True)
            delivery = find_delivery(session, checkout_id, lock=True)
            refusal = None
            if checkout.state in UNPAID and payment.state is SessionState.PAID:
                refusal = self._limits.find_refusal(session, checkout, payment.card, now)
            found = judge(checkout, payment, self._terms, now, refusal)
            self._post(session, checkout, payment, now)
            update_checkout(session, checkout_id, **_changes(checkout, payment, found))
            after = fetch_checkout(session, checkout_id)
            update_checkout(session, checkout_id, look_at=self._next_look(after, payment, now))
            self._direct(session, after, delivery, now)
            if payment.state is SessionState.PAID and payment.saved is not None:
                _keep_card(session, after, payment.saved, now)
            if payment.dispute in (DisputeState.OPEN, DisputeState.LOST):
                _freeze(session, after, now)
            self._close(session, after, now)
        if after.state is not checkout.state:
            self._metrics.checkouts.labels(after.state).inc()
            logger.info(
                "checkout changed",
                extra={"checkout": after.id, "state": after.state, "why": after.reason},
            )
        if after.state is CheckoutState.PAID:
            self.on_change()
        return after

    def _post(self, session: Session, checkout: Checkout, payment: Payment, now: int) -> None:
        for entry in post_payment(checkout, payment, count_entries(session, checkout.id)):
            post_entry(session, entry, now)

    def _direct(
        self, session: Session, checkout: Checkout, delivery: Delivery | None, now: int
    ) -> None:
        """Make, hold or cancel the delivery; one that was signed is not ours to change."""
        if delivery is None:
            if checkout.state is CheckoutState.PAID:
                add_delivery(
                    session,
                    checkout=checkout.id,
                    kind=KIND_OF[checkout.purpose],
                    deal=checkout.deal,
                    to=checkout.account,
                    amount=checkout.tokens,
                    now=now,
                )
            return
        if delivery.state not in (DeliveryState.WAITING, DeliveryState.HELD):
            return
        state = {
            CheckoutState.PAID: DeliveryState.WAITING,
            CheckoutState.HELD: DeliveryState.HELD,
        }.get(checkout.state, DeliveryState.CANCELLED)
        update_delivery(session, delivery.id, state=state)

    def _close(self, session: Session, checkout: Checkout, now: int) -> None:
        if checkout.state not in (CheckoutState.REFUNDED, CheckoutState.LOST):
            return
        owed: dict[str, int] = defaultdict(int)
        for (account, currency), amount in fetch_balances(session, checkout=checkout.id).items():
            if account == OWED:
                owed[currency] += amount
        if (entry := post_closing(checkout, owed)) is not None:
            post_entry(session, entry, now)

    def _next_look(self, checkout: Checkout, payment: Payment, now: int) -> int | None:
        state, soon = checkout.state, now + self._settings.look_seconds
        if state is CheckoutState.OPEN:
            return min(soon, checkout.expires_at + 1)
        if state is CheckoutState.EXPIRED:
            return soon if payment.state is SessionState.OPEN else None
        if state in (CheckoutState.PAID, CheckoutState.SENDING, CheckoutState.REFUNDING):
            return soon
        if state is CheckoutState.HELD:
            return now + HOUR
        if state is CheckoutState.DELIVERED and now < checkout.created_at + DISPUTE_DAYS * DAY:
            return now + DAY
        return None

    def _put_off(self, checkout: Checkout, why: str | None, *, is_silent: bool = False) -> None:
        """Look again later, or no more if there is nothing to look at."""
        looks = checkout.silent_looks + 1
        wait = min(self._settings.look_seconds * 2 ** min(looks, 10), LONGEST_SILENCE)
        changes: dict[str, object] = {"silent_looks": looks, "look_at": self._now() + wait}
        if checkout.session is None:
            changes = {"look_at": None, "state": CheckoutState.EXPIRED}
        elif not is_silent and why and checkout.state is CheckoutState.REFUNDING:
            changes["reason"] = f"{(checkout.reason or '').partition(' (')[0]} ({why})"
        with self._database.write() as session:
            update_checkout(session, checkout.id, **changes)


def _changes(checkout: Checkout, payment: Payment, found: Judgement) -> dict[str, object]:
    is_paid = payment.state is SessionState.PAID
    return {
        "state": found.state,
        "reason": found.reason,
        "returns": found.returns,
        "payment": payment.payment or checkout.payment,
        "card": payment.card or checkout.card,
        "last_digits": (payment.last_digits or checkout.last_digits or "")[:4] or None,
        "paid_at": payment.paid_at or checkout.paid_at,
        "received": payment.amount if is_paid else checkout.received,
        "processor_fee": payment.fee,
        "refunded": payment.refunded,
        "dispute": payment.dispute,
        "disputed": payment.disputed,
        "silent_looks": 0,
    }


def _keep_card(session: Session, checkout: Checkout, saved: SavedMethod, now: int) -> None:
    """Let the card of a purchase be charged from now on, and no older one of its account."""
    card = find_saved_card(session, checkout.id)
    if card is None or card.state is not SavedCardState.ASKED:
        return
    cancel_cards(session, card.account, now, but=checkout.id)
    update_saved_card(
        session,
        checkout.id,
        state=SavedCardState.ACTIVE,
        customer=saved.customer,
        method=saved.method,
        card=checkout.card,
        last_digits=checkout.last_digits,
        agreed_at=now,
    )


def _freeze(session: Session, checkout: Checkout, now: int) -> None:
    why = f"the payment of checkout {checkout.id} is disputed"
    freeze(session, FrozenKind.ACCOUNT, checkout.account, why, now)
    if checkout.card:
        freeze(session, FrozenKind.CARD, checkout.card, why, now)

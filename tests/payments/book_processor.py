"""The sandbox's own book as a processor in this process, with what may go wrong on the way."""

from payments.processors.protocol import Payment, PaymentPage, SavedMethod, WebhookEvent
from payments.sandbox.book import SandboxBook
from wasmarket.kernel.errors import InvalidSignature, TimedOut, Unreachable


class BookProcessor:
    """`is_down`: it does not answer. `loses_answers`: it does what is asked and is not heard."""

    name = "sandbox"

    def __init__(self, book: SandboxBook):
        self.book = book
        self.is_down = False
        self.loses_answers = False
        self.charges = {}
        """By session: (amount, currency) that was charged instead of what was asked."""

    def open_session(self, order):
        self._reach()
        session = self.book.open(order)
        self._answer()
        return PaymentPage(session.id, session.url, session.began_at)

    def fetch_payment(self, session):
        self._reach()
        found = self.book.find(session).session
        amount, currency = self.charges.get(session, (found.amount, found.currency))
        return Payment(
            session=found.id,
            checkout=found.checkout,
            state=found.state,
            currency=currency,
            amount=amount,
            payment=found.payment,
            paid_at=found.paid_at,
            card=found.card,
            last_digits=found.last_digits,
            fee=found.fee,
            refunded=found.refunded,
            dispute=found.dispute,
            disputed=found.disputed,
            failure=found.failure,
            saved=SavedMethod(found.customer, found.method) if found.method else None,
        )

    def open_charge(self, order, saved):
        self._reach()
        session = self.book.open_charge(order, saved.method)
        self._answer()
        return PaymentPage(session.id, "", session.began_at)

    def confirm_charge(self, session):
        self._reach()
        self.book.confirm(session)
        self._answer()

    def forget_card(self, saved):
        self._reach()
        self.book.forget(saved.method)
        self._answer()

    def end_session(self, session):
        self._reach()
        self.book.end(session)
        self._answer()

    def refund(self, payment, amount, key):
        self._reach()
        self.book.refund(payment.session, amount, key)
        self._answer()

    def read_webhook(self, body, headers, now):
        raise InvalidSignature("tests hand events over themselves")

    def _reach(self):
        if self.is_down:
            raise Unreachable("the processor is down")

    def _answer(self):
        if self.loses_answers:
            raise TimedOut("the processor's answer was lost")


def to_webhook(event):
    """Return a queued event as the gateway hears it."""
    return WebhookEvent(event.id, event.kind, event.session, None)

"""Compare the ledger with itself, with the chain and with the processor."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from payments.books.postings import OWED, PROCESSOR, TREASURY
from payments.processors.protocol import Payment, Processor
from payments.treasury import TOKEN_OF, Treasury
from wasmarket.kernel.errors import NotFound
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import CheckoutState, DeliveryState, DisputeState
from wasmarket.store.payments.checkouts import fetch_paid_checkouts
from wasmarket.store.payments.deliveries import fetch_deliveries_in, find_delivery
from wasmarket.store.payments.entries import fetch_balances, read_lines
from wasmarket.store.payments.views import Checkout

CLOSED = (CheckoutState.REFUNDED, CheckoutState.LOST)


@dataclass(frozen=True, slots=True)
class BookDifference:
    """What two books say of one thing: `of` a token, a currency or a checkout."""

    what: str
    of: str
    ledger: int
    other: int


class Reconciler:
    """Finds differences; changes nothing."""

    def __init__(self, database: Database, treasury: Treasury, processor: Processor) -> None:
        self._database = database
        self._treasury = treasury
        self._processor = processor

    def find_differences(self, *, asks_processor: bool, since: int = 0) -> list[BookDifference]:
        """Return all differences; the processor is asked about what was paid since a time.

        Raises Unreachable, TimedOut.
        """
        found = self._check_sums() + self._check_owed() + self.check_treasury()
        return found + (self._check_processor(since) if asks_processor else [])

    def _check_sums(self) -> list[BookDifference]:
        sums: Counter[str] = Counter()
        with self._database.read() as session:
            for _, _, currency, amount in read_lines(session):
                sums[currency] += amount
        return [
            BookDifference("lines of all entries", c, left, 0) for c, left in sums.items() if left
        ]

    def _check_owed(self) -> list[BookDifference]:
        """Compare what the ledger owes each buyer with what their purchase has come to."""
        owed: dict[str, int] = defaultdict(int)
        with self._database.read() as session:
            for checkout, account, _, amount in read_lines(session):
                if account == OWED and checkout is not None:
                    owed[checkout] += amount
            found = []
            for one in _all_paid(session):
                expected = _expect_owed(session, one)
                if expected is not None and owed[one.id] != expected:
                    found.append(
                        BookDifference("owed to the buyer", one.id, owed[one.id], expected)
                    )
        return found

    def check_treasury(self) -> list[BookDifference]:
        """Compare the treasury with the chain; what is signed and not mined may be either way."""
        with self._database.read() as session:
            balances = fetch_balances(session)
            moving = fetch_deliveries_in(session, (DeliveryState.SIGNED, DeliveryState.MINED))
        funds = self._treasury.fetch_funds()
        found = []
        for token in ("usdc", "flt"):
            booked = balances[TREASURY, token]
            mined = sum(
                one.amount
                for one in moving
                if TOKEN_OF[one.kind] == token and one.state is DeliveryState.MINED
            )
            signed = sum(
                one.amount
                for one in moving
                if TOKEN_OF[one.kind] == token and one.state is DeliveryState.SIGNED
            )
            expected = booked - mined
            if not expected - signed <= funds[token] <= expected:
                found.append(BookDifference("treasury", token, expected, funds[token]))
        return found

    def _check_processor(self, since: int) -> list[BookDifference]:
        held: dict[tuple[str, str], int] = defaultdict(int)
        with self._database.read() as session:
            for checkout, account, currency, amount in read_lines(session):
                if account == PROCESSOR and checkout is not None:
                    held[checkout, currency] += amount
            paid = [one for one in _all_paid(session) if one.created_at >= since]
        found = []
        for one in paid:
            try:
                said = self._processor.fetch_payment(one.session or "")
            except NotFound:
                found.append(BookDifference("unknown to the processor", one.id, one.received, 0))
                continue
            ours, theirs = held[one.id, said.currency], _net_of(said)
            if ours != theirs:
                found.append(BookDifference("net at the processor", one.id, ours, theirs))
        return found


def _all_paid(session: Session) -> list[Checkout]:
    found: list[Checkout] = []
    while page := fetch_paid_checkouts(session, found[-1].id if found else ""):
        found += page
    return found


def _expect_owed(session: Session, checkout: Checkout) -> int | None:
    """Return what should be owed for a purchase, below zero; None while it cannot be said."""
    if checkout.state in CLOSED:
        return 0
    delivery = find_delivery(session, checkout.id)
    if checkout.state is CheckoutState.DELIVERED and delivery is not None:
        return 0 if delivery.state is DeliveryState.FINAL else -checkout.received
    if checkout.state is CheckoutState.SENDING:
        return -checkout.received
    if checkout.state is CheckoutState.HELD and checkout.dispute is DisputeState.NONE:
        # Between two nonces; what went back meanwhile was booked as it was then.
        return None
    return -(checkout.received - checkout.refunded)


def _net_of(payment: Payment) -> int:
    """Return what a processor holds for us of a payment."""
    held = payment.disputed if payment.dispute in (DisputeState.OPEN, DisputeState.LOST) else 0
    return payment.amount - payment.fee - payment.refunded - held

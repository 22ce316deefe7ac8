"""What the store keeps of deliveries: each step one transaction of the elected sender.

A delivery is sent by transactions of one nonce. Another nonce is used only when the first has gone
for good to something that delivered nothing; the money goes back to the card only when nothing is
signed that could still be mined. So tokens and refund exclude each other, and each happens once.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from payments.books.postings import post_delivery
from payments.metrics import PaymentsMetrics
from payments.quoting.rates import Rates
from wasmarket.chain.sending.fates import Fate
from wasmarket.chain.sending.transactions import Signed
from wasmarket.kernel.errors import Conflict
from wasmarket.kernel.units import Hash
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import CheckoutState, DeliveryKind, DeliveryState, Uint
from wasmarket.store.leader import Leader
from wasmarket.store.payments.checkouts import fetch_checkout, update_checkout
from wasmarket.store.payments.deliveries import (
    add_attempt,
    bury_attempts,
    fetch_delivery,
    fetch_live_attempts,
    update_delivery,
)
from wasmarket.store.payments.entries import post_entry
from wasmarket.store.payments.views import Checkout, Delivery, DeliveryAttempt

logger = logging.getLogger(__name__)


class DeliveryRecords:
    """Writes what the sender does; only the elected leader may."""

    def __init__(
        self,
        database: Database,
        leader: Leader,
        metrics: PaymentsMetrics,
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._leader = leader
        self._metrics = metrics
        self._now = now

    def sign(self, delivery: Delivery, signed: Signed) -> None:
        """Keep a transaction before it is broadcast.

        Raises Conflict if another nonce may still deliver, or nothing is to be sent any more.
        """
        with self._locked(delivery) as (session, checkout, found):
            live = fetch_live_attempts(session, found.id)
            if any(attempt.nonce != signed.nonce for attempt in live):
                raise Conflict(f"delivery {found.id} may still be mined with another nonce")
            if not live and found.state is not DeliveryState.WAITING:
                raise Conflict(f"delivery {found.id} is not to be sent: it is {found.state}")
            attempt = DeliveryAttempt(signed.hash, found.id, signed.nonce, signed.raw)
            add_attempt(session, attempt, self._now())
            update_delivery(session, found.id, state=DeliveryState.SIGNED, reason=None)
            if checkout is not None:
                update_checkout(session, checkout.id, state=CheckoutState.SENDING)

    def note_mined(self, delivery: Delivery, fate: Fate) -> None:
        """Note where a delivery was mined: the buyer is told that it is there."""
        with self._locked(delivery) as (session, checkout, found):
            if found.state not in (DeliveryState.SIGNED, DeliveryState.MINED):
                return
            update_delivery(session, found.id, state=DeliveryState.MINED, **_place(fate))
            if checkout is not None:
                update_checkout(session, checkout.id, state=CheckoutState.DELIVERED)
        if found.state is not DeliveryState.MINED:
            self._tell(delivery, DeliveryState.MINED)

    def note_final(self, delivery: Delivery, fate: Fate, rates: Rates | None) -> None:
        """Note that no reorg takes a delivery away; post it."""
        with self._locked(delivery) as (session, checkout, found):
            update_delivery(session, found.id, state=DeliveryState.FINAL, **_place(fate))
            if checkout is not None:
                update_checkout(session, checkout.id, state=CheckoutState.DELIVERED)
                post_entry(session, post_delivery(checkout, found.amount, rates), self._now())
        self._tell(delivery, DeliveryState.FINAL)

    def note_lost_block(self, delivery: Delivery) -> None:
        """Note that a reorg took away the block of a delivery: its attempts may be mined again."""
        with self._locked(delivery) as (session, checkout, found):
            if found.state is not DeliveryState.MINED:
                return
            update_delivery(
                session, found.id, state=DeliveryState.SIGNED, tx_hash=None, block_number=None
            )
            if checkout is not None:
                update_checkout(session, checkout.id, state=CheckoutState.SENDING)
        logger.warning("a reorg took a delivery away", extra={"delivery": delivery.id})

    def bury(self, delivery: Delivery) -> None:
        """Note that nothing signed so far can deliver any more; of a purchase the processor is
        asked again before something is."""
        with self._locked(delivery) as (session, checkout, found):
            bury_attempts(session, found.id)
            held = DeliveryState.WAITING if checkout is None else DeliveryState.HELD
            update_delivery(session, found.id, state=held, tx_hash=None, block_number=None)
            if checkout is not None:
                update_checkout(session, checkout.id, state=CheckoutState.HELD, look_at=self._now())
        logger.warning("a delivery begins anew", extra={"delivery": delivery.id})

    def explain(self, delivery: Delivery, reason: str) -> None:
        """Keep why a delivery waits, for the buyer to read."""
        if delivery.reason != reason:
            with self._locked(delivery) as (session, _, found):
                if found.state is DeliveryState.WAITING:
                    update_delivery(session, found.id, reason=reason)

    def redirect(self, delivery: Delivery, reason: str) -> None:
        """Send a deal's USDC to its developer instead."""
        with self._locked(delivery) as (session, checkout, found):
            if found.state is DeliveryState.WAITING:
                update_delivery(session, found.id, kind=DeliveryKind.USDC, reason=reason)
                if checkout is not None:
                    update_checkout(session, checkout.id, reason=reason)

    def give_back(self, delivery: Delivery, reason: str) -> None:
        """Cancel a delivery of which nothing is signed; its money goes back to the card."""
        with self._locked(delivery) as (session, checkout, found):
            if found.state is not DeliveryState.WAITING:
                return
            update_delivery(session, found.id, state=DeliveryState.CANCELLED, reason=reason)
            if checkout is not None:
                update_checkout(
                    session,
                    checkout.id,
                    state=CheckoutState.REFUNDING,
                    returns=True,
                    reason=reason,
                    look_at=self._now(),
                )
        self._tell(delivery, DeliveryState.CANCELLED)

    def _tell(self, delivery: Delivery, state: DeliveryState) -> None:
        self._metrics.deliveries.labels(state).inc()
        logger.info("delivery changed", extra={"delivery": delivery.id, "state": state})

    @contextmanager
    def _locked(self, delivery: Delivery) -> Iterator[tuple[Session, Checkout | None, Delivery]]:
        """Open a transaction with the checkout, then the delivery, as nobody else changes them."""
        with self._database.write() as session:
            self._leader.check(session)
            checkout = None
            if delivery.checkout is not None:
                checkout = fetch_checkout(session, delivery.checkout, lock=True)
            yield session, checkout, fetch_delivery(session, delivery.id, lock=True)


def _place(fate: Fate) -> dict[str, object]:
    return {
        "tx_hash": None if fate.tx_hash is None else Hash(fate.tx_hash),
        "block_number": fate.block_number,
        "gas_cost": Uint(fate.gas_cost),
    }

"""One turn of the treasury: finish what was signed, then sign what waits."""

import logging
from collections.abc import Callable, Sequence

from payments.books.postings import post_capital
from payments.deliveries.records import DeliveryRecords
from payments.metrics import PaymentsMetrics
from payments.quoting.rates import RateSource
from payments.settings import PaymentsSettings
from payments.treasury import COINS, TOKEN_OF, DealFacts, Treasury
from wasmarket.chain.errors import RpcError
from wasmarket.chain.sending.fates import Fate, FateKind, FateSource
from wasmarket.chain.sending.transactions import Signed, TransactionReceipt
from wasmarket.kernel.errors import (
    Conflict,
    InvalidInput,
    MarketError,
    Reverted,
    TimedOut,
    Unreachable,
)
from wasmarket.kernel.units import FLT, USDC
from wasmarket.store.database import Database
from wasmarket.store.enums import DeliveryKind, DeliveryState
from wasmarket.store.leader import Leader
from wasmarket.store.payments.deliveries import fetch_deliveries_in, fetch_live_attempts
from wasmarket.store.payments.entries import has_entry, post_entry
from wasmarket.store.payments.views import Delivery, DeliveryAttempt

logger = logging.getLogger(__name__)

MAX_GAS = 5_000_000
"""Gas of the deliveries that wait together."""
MOST_AT_ONCE = 100
GWEI = 10**9
LEFT_OPEN = (DeliveryState.SIGNED, DeliveryState.MINED)
OPENING = "opening"
SHAKEN_SECONDS = 600

SignedDelivery = tuple[Sequence[DeliveryAttempt], Delivery]
"""What was signed for a delivery."""


class DeliveryLoop:
    """The one sender of a treasury; of several gateways on one store one is elected."""

    def __init__(
        self,
        database: Database,
        treasury: Treasury,
        fates: FateSource,
        leader: Leader,
        rates: RateSource,
        settings: PaymentsSettings,
        metrics: PaymentsMetrics,
        *,
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._treasury = treasury
        self._fates = fates
        self._leader = leader
        self._rates = rates
        self._settings = settings
        self._metrics = metrics
        self._now = now
        self._records = DeliveryRecords(database, leader, metrics, now)
        self._shaken_at = 0
        self.funds: dict[str, int] = {}
        """What the treasury held at the last turn."""
        self.low: tuple[str, ...] = ()
        """Of which tokens it held too little."""
        self.has_open = True
        """Whether anything was left to deliver at the last turn."""

    def step(self) -> None:
        """Take a turn, if this process is the elected one. Raises what kept it from its work."""
        if not self._leader.acquire():
            return
        self._look_at_funds()
        trouble = self._finish_all()
        if trouble is None:
            self._send_waiting()
        with self._database.read() as session:
            owed = fetch_deliveries_in(session, (DeliveryState.WAITING, *LEFT_OPEN))
        self._metrics.waiting.set(len(owed))
        self.has_open = bool(owed) or self._is_shaken
        if trouble is not None:
            raise trouble

    def close(self) -> None:
        """Let another process lead."""
        self._leader.release()

    @property
    def _is_shaken(self) -> bool:
        """Whether a reorg took a delivery away a while ago: then all are looked at."""
        return self._now() - self._shaken_at < SHAKEN_SECONDS

    def _look_at_funds(self) -> None:
        settings = self._settings
        self.funds = funds = self._treasury.fetch_funds()
        least = {
            "usdc": settings.low_usdc * USDC,
            "flt": settings.low_flt * FLT,
            COINS: settings.low_coins_gwei * GWEI,
        }
        low = tuple(name for name, amount in least.items() if funds[name] < amount)
        for name, held in funds.items():
            self._metrics.treasury.labels(name).set(held)
            self._metrics.is_low.labels(name).set(name in low)
        if low != self.low and low:
            logger.warning("the treasury is low", extra={"tokens": ", ".join(low)})
        self.low = low
        for token in ("usdc", "flt"):
            self._open_books(token, funds[token])

    def _open_books(self, token: str, held: int) -> None:
        """Post what the treasury held before it delivered anything, once."""
        reference = f"{OPENING}:{token}"
        with self._database.read() as session:
            if has_entry(session, reference):
                return
        with self._database.write() as session:
            self._leader.check(session)
            post_entry(session, post_capital(reference, token, held), self._now())

    def _finish_all(self) -> MarketError | None:
        """See to all that was signed, in order of nonces; return what keeps the rest waiting."""
        head = self._treasury.fetch_head()
        with self._database.read() as session:
            left = fetch_deliveries_in(session, LEFT_OPEN)
            live = [(fetch_live_attempts(session, one.id), one) for one in left]
        ordered = sorted(live, key=lambda pair: -max(attempt.nonce for attempt in pair[0]))
        newest = ordered[0][1].id if ordered else None
        lost: list[SignedDelivery] = []
        try:
            for attempts, delivery in ordered:
                # Nonces are used one after the other: where the newest is mined, so are all before.
                is_due = (delivery.block_number or 0) + self._settings.final_blocks <= head
                is_settled = delivery.state is DeliveryState.MINED and not is_due
                if is_settled and not self._is_shaken and delivery.id != newest:
                    continue
                if self._is_open(delivery, attempts):
                    lost.append((attempts, delivery))
            lost.reverse()
            # All at once: they are mined in one block, where each alone would wait for its own.
            for signed, _ in lost if len(lost) > 1 else ():
                self._treasury.sender.rebroadcast(signed[-1].tx_hash, signed[-1].raw)
            for signed, delivery in lost:
                self._push(delivery, signed)
        except (TimedOut, Unreachable, RpcError) as error:
            # Nothing behind a nonce that waits can be mined.
            return error
        return None

    def _is_open(self, delivery: Delivery, attempts: Sequence[DeliveryAttempt]) -> bool:
        """Note what became of a delivery; say whether its attempts may still be mined."""
        nonce = attempts[0].nonce
        hashes = [attempt.tx_hash for attempt in attempts]
        fate = self._fates.find(nonce, hashes, self._settings.final_blocks)
        if fate.kind is FateKind.MINED:
            self._note_mined(delivery, fate)
            return False
        if delivery.state is DeliveryState.MINED:
            self._records.note_lost_block(delivery)
            self._shaken_at = self._now()
        if fate.kind is FateKind.DEAD:
            self._records.bury(delivery)
        return fate.kind is FateKind.OPEN

    def _note_mined(self, delivery: Delivery, fate: Fate) -> None:
        if fate.is_deep:
            try:
                rates = self._rates.fetch(self._now())
            except Unreachable:
                rates = None
            self._records.note_final(delivery, fate, rates)
        elif (delivery.state, delivery.tx_hash, delivery.block_number) != (
            DeliveryState.MINED,
            fate.tx_hash,
            fate.block_number,
        ):
            self._records.note_mined(delivery, fate)

    def _push(self, delivery: Delivery, attempts: Sequence[DeliveryAttempt]) -> None:
        """Have one of the attempts mined; where the chain would refuse them use up their nonce."""
        sender = self._treasury.sender
        for attempt in reversed(attempts):
            try:
                receipt = sender.resume(attempt.tx_hash, attempt.raw, self._recorder(delivery))
            except (Reverted, InvalidInput):
                # Its nonce is gone: the next turn finds out whether for good.
                return
            if receipt is not None:
                self._records.note_mined(delivery, _fate_of(receipt))
                return
        nonce = attempts[0].nonce

        def only_that(signed: Signed) -> None:
            if signed.nonce != nonce:
                raise Conflict(f"nonce {nonce} is taken")

        try:
            sender.send(self._treasury.build_void(), only_that)
        except Conflict as error:
            logger.info("a nonce was not used up", extra={"nonce": nonce, "why": error.detail})

    def _send_waiting(self) -> None:
        with self._database.read() as session:
            waiting = fetch_deliveries_in(session, (DeliveryState.WAITING,), MOST_AT_ONCE)
        if not waiting:
            return
        chosen = self._choose(waiting)
        if any(one.kind is DeliveryKind.TOP_UP for one in chosen):
            self._treasury.approve()
        calls = [(self._treasury.build_call(one), self._recorder(one)) for one in chosen]
        outcomes = self._treasury.sender.send_each(calls, max_gas=MAX_GAS)
        trouble: MarketError | None = None
        for delivery, outcome in zip(chosen, outcomes, strict=True):
            if isinstance(outcome, TransactionReceipt):
                self._records.note_mined(delivery, _fate_of(outcome))
            else:
                self._records.explain(delivery, outcome.detail)
                trouble = trouble or outcome
        if trouble is not None and not isinstance(trouble, (Reverted, Conflict)):
            raise trouble

    def _choose(self, waiting: Sequence[Delivery]) -> list[Delivery]:
        """Return what can be sent now; what cannot is redirected, given back or explained."""
        deals = self._treasury.fetch_deals(
            [one.deal for one in waiting if one.kind is DeliveryKind.TOP_UP and one.deal]
        )
        left = dict(self.funds)
        chosen = []
        for delivery in waiting:
            token = TOKEN_OF[delivery.kind]
            if self._is_too_old(delivery):
                self._records.give_back(delivery, "it could not be delivered in time")
            elif not self._is_closed(delivery, deals):
                if left[token] < delivery.amount:
                    self._records.explain(
                        delivery, f"the treasury has too little {token.upper()} now; it is refilled"
                    )
                else:
                    left[token] -= delivery.amount
                    chosen.append(delivery)
        return chosen

    def _is_too_old(self, delivery: Delivery) -> bool:
        age = self._now() - delivery.created_at
        return delivery.checkout is not None and age > self._settings.give_up_seconds

    def _is_closed(self, delivery: Delivery, deals: dict[int, DealFacts]) -> bool:
        """Say whether it is for a deal that has ended meanwhile, and see to its money."""
        if delivery.kind is not DeliveryKind.TOP_UP or delivery.deal is None:
            return False
        facts = deals.get(delivery.deal)
        if facts is not None and facts.is_open:
            return False
        if facts is not None and self._settings.when_stopped == "account":
            self._records.redirect(
                delivery, f"deal {delivery.deal} has ended: the USDC went to its developer"
            )
        else:
            self._records.give_back(delivery, f"deal {delivery.deal} has ended")
        return True

    def _recorder(self, delivery: Delivery) -> Callable[[Signed], None]:
        def record(signed: Signed) -> None:
            self._records.sign(delivery, signed)

        return record


def _fate_of(receipt: TransactionReceipt) -> Fate:
    return Fate(
        FateKind.MINED,
        receipt.tx_hash,
        receipt.block_number,
        receipt.gas_used * receipt.gas_price,
    )

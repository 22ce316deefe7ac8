"""Wait for a signed transaction: look for it, hand it over again, replace it by a dearer one.

Nothing that a node says ends the waiting, only what is found on chain: a receipt, or that another
transaction has used the nonce.
"""

import logging
import threading
import time
from collections.abc import Set
from dataclasses import dataclass, field

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import NonceGap, RpcError
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.broadcast import Sight, broadcast, find_nonce_user, look
from wasmarket.chain.sending.receipts import build_receipt
from wasmarket.chain.sending.signing import (
    TransactionPlan,
    bump,
    choose_fees,
    find_limit,
    sign_plan,
)
from wasmarket.chain.sending.transactions import OnSigned, Signed, TransactionReceipt
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.errors import MarketError, TimedOut, TooLarge, Unreachable, WrongChain
from wasmarket.kernel.units import Hash

logger = logging.getLogger(__name__)

FIRST_LOOK = 0.01
FIRST_PUSH, LAST_PUSH = 0.1, 2.0
"""Seconds until a transaction that the node does not know is handed over again, the first time and
after several."""
SURE = 3
LOST_SECONDS = 3.0
"""Looks that must agree, and for how long, that a nonce went to another transaction which is not
to be found: nodes behind one address may lag one another."""
GAP_SECONDS = 6.0
"""For how long a nonce before must be on no chain and in no pool, until it is taken for lost."""
NODE_TROUBLE = (Unreachable, TimedOut, TooLarge, RpcError, WrongChain)


@dataclass(slots=True)
class Pending:
    """A call between signing and its receipt: every attempt has the same nonce."""

    plan: TransactionPlan
    attempts: list[Signed]
    on_signed: OnSigned | None
    sent_at: float = field(default_factory=time.monotonic)
    pushed_at: float = field(default_factory=time.monotonic)
    push_after: float = FIRST_PUSH
    refusal: str = ""
    """What the node said to the newest attempt instead of taking it."""
    lost_since: float | None = None
    lost_looks: int = 0
    gap_since: float | None = None
    gap_looks: int = 0

    @property
    def newest(self) -> Signed:
        """The attempt that was signed last."""
        return self.attempts[-1]

    @property
    def hashes(self) -> list[Hash]:
        """The hashes of all attempts, oldest first."""
        return [signed.hash for signed in self.attempts]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: `timeout` for a transaction as a whole, `bump_after` until a waiting one is
    replaced by fee, `poll` between looks. `confirmations` in blocks on top of its own."""

    timeout: float
    bump_after: float
    poll: float
    confirmations: int


class Waiter:
    """Waits for the transactions of one account. `max_fee` in wei per gas is never exceeded."""

    def __init__(
        self,
        rpc: Rpc,
        account: Account,
        decoder: Decoder | None,
        patience: Patience,
        max_fee: int | None,
        stop: threading.Event,
        in_flight: Set[int],
    ) -> None:
        """`in_flight`: nonces that this process waits for now, as they come and go."""
        self._rpc = rpc
        self._account = account
        self._decoder = decoder
        self._patience = patience
        self._max_fee = max_fee
        self._stop = stop
        self._in_flight = in_flight

    def look(self, pending: Pending) -> Sight:
        """Look for all attempts. Raises Unreachable, TimedOut."""
        return look(self._rpc, self._account.address, pending.hashes)

    def push(self, pending: Pending) -> None:
        """Hand the newest attempt to the node; remember what it says."""
        pending.pushed_at = time.monotonic()
        pending.refusal = broadcast(self._rpc, pending.newest)

    def push_dearer(self, pending: Pending) -> bool:
        """Replace an attempt that was refused if fees have risen since it was signed.

        Returns whether it was. Raises Unreachable, TimedOut, RpcError.
        """
        fees = self._rpc.fetch_fees()
        _, needed = choose_fees(fees, self._limit(pending))
        return needed > pending.plan.max_fee and self._replace(
            pending, bump(pending.plan, fees, self._limit(pending))
        )

    def wait(self, pending: Pending) -> TransactionReceipt | None:
        """Wait until an attempt is mined and confirmed; None when the nonce went elsewhere.

        Raises Reverted, TimedOut that names the newest attempt's hash, NonceGap.
        """
        deadline = time.monotonic() + self._patience.timeout
        delay = FIRST_LOOK
        while True:
            is_gapped = False
            try:
                sight = self.look(pending)
                if sight.receipt is not None:
                    pending.lost_looks = 0
                    if (sight.head or 0) >= sight.receipt.number + self._patience.confirmations:
                        return build_receipt(
                            self._rpc,
                            self._decoder,
                            sight.receipt,
                            pending.plan.call,
                            self._account.address,
                        )
                elif sight.used is not None and sight.used > pending.plan.nonce:
                    if self._is_lost(pending, sight):
                        return None
                else:
                    self._push_on(pending, sight)
                    is_gapped = self._is_gapped(pending, sight)
            except NODE_TROUBLE as error:
                logger.warning("node in trouble while waiting", extra={"detail": error.detail})
            if is_gapped:
                raise NonceGap(
                    f"{pending.plan.call.description} ({pending.newest.hash}) waits behind a"
                    " transaction that the chain took back",
                    remedy="send what comes before it again",
                )
            if time.monotonic() >= deadline or self._stop.wait(delay):
                raise self._give_up(pending)
            delay = min(delay * 2, self._patience.poll)

    def _is_lost(self, pending: Pending, sight: Sight) -> bool:
        """Say whether the nonce surely went to a transaction that is none of the attempts."""
        now = time.monotonic()
        try:
            user = find_nonce_user(
                self._rpc, self._account.address, pending.plan.nonce, sight.head or 0
            )
        except NODE_TROUBLE as error:
            logger.info("a nonce's user was not found", extra={"detail": error.detail})
            user = None
        if user is not None:
            return user not in pending.hashes
        if not sight.are_receipts_heard:
            return False
        pending.lost_looks += 1
        pending.lost_since = pending.lost_since or now
        return pending.lost_looks >= SURE and now - pending.lost_since >= LOST_SECONDS

    def _is_gapped(self, pending: Pending, sight: Sight) -> bool:
        """Say whether a nonce before surely has no transaction any more: a reorganisation can
        undo one after it was seen mined, and a node can forget it.

        Not while this process waits for one before: some nodes count as queued only what is mined.
        """
        now, nonce = time.monotonic(), pending.plan.nonce
        before = range(nonce if sight.queued is None else sight.queued, nonce)
        if not before or any(one in before for one in tuple(self._in_flight)):
            pending.gap_since, pending.gap_looks = None, 0
            return False
        pending.gap_looks += 1
        pending.gap_since = pending.gap_since or now
        return pending.gap_looks >= SURE and now - pending.gap_since >= GAP_SECONDS

    def _push_on(self, pending: Pending, sight: Sight) -> None:
        """Do what a transaction needs that is not mined yet."""
        now = time.monotonic()
        # Another transaction has the nonce in the node's pool: it is not ours to outbid.
        has_rival = sight.known is False and (sight.queued or 0) > pending.plan.nonce
        is_due = now - pending.pushed_at >= pending.push_after
        if has_rival:
            return
        if now - pending.sent_at >= self._patience.bump_after:
            fees = self._rpc.fetch_fees()
            if not self._replace(pending, bump(pending.plan, fees, self._limit(pending))):
                self.push(pending)
            pending.sent_at = now
        elif sight.known is False and is_due:
            pending.push_after = min(2 * pending.push_after, LAST_PUSH)
            if not (pending.refusal and self.push_dearer(pending)):
                self.push(pending)

    def _replace(self, pending: Pending, plan: TransactionPlan | None) -> bool:
        """Sign the same nonce with the fees of `plan` and broadcast it; say whether it was."""
        if plan is None:
            return False
        signed = sign_plan(plan, self._account)
        if pending.on_signed is not None:
            pending.on_signed(signed)
        pending.plan = plan
        pending.attempts.append(signed)
        self.push(pending)
        logger.info(
            "transaction replaced by fee", extra={"tx": signed.hash, "said": pending.refusal}
        )
        return True

    def _limit(self, pending: Pending) -> int | None:
        return find_limit(pending.plan.call, pending.plan.gas, self._max_fee)

    def _give_up(self, pending: Pending) -> MarketError:
        said = f"; the node said: {pending.refusal}" if pending.refusal else ""
        return TimedOut(
            f"{pending.plan.call.description} ({pending.newest.hash}) is not mined yet{said}",
            remedy="it may still be: look at the transaction before sending again",
        )

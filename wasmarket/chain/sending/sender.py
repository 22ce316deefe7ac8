"""Send transactions of one key: simulate, sign, record, broadcast, wait, replace when stuck.

After signing nothing is lost: an outage of the node is waited out, and after a crash `resume`
finishes what `on_signed` recorded.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import RpcError, build_reverted, to_reverted
from wasmarket.chain.reading.blocks import BlockTag
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.broadcast import MinedReceipt, Outcome, broadcast, build_receipt, look
from wasmarket.chain.sending.nonces import NonceLock
from wasmarket.chain.sending.signing import TransactionPlan, bump, choose_fees, read_plan, sign_plan
from wasmarket.chain.sending.transactions import ContractCall, OnSigned, Signed, TransactionReceipt
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.errors import (
    Conflict,
    InvalidInput,
    MarketError,
    Reverted,
    TimedOut,
    Unreachable,
)
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Address, Hash

logger = logging.getLogger(__name__)

FIRST_LOOK = 0.01
REBROADCAST_SECONDS = 2.0
NONCE_TRIES = 5
SURE = 3
"""Looks that must agree that a nonce went to another transaction; nodes may lag one another."""
LAPSE_GAS = 40_000
"""An epoch may begin before the block: a deal that lapses then costs two words more and a log."""


@dataclass(slots=True)
class _Pending:
    """A call between signing and its receipt: every attempt has the same nonce."""

    plan: TransactionPlan
    attempts: list[Signed]
    on_signed: OnSigned | None
    sent_at: float

    @property
    def newest(self) -> Signed:
        return self.attempts[-1]


class Sender:
    """Sends the transactions of one account. Safe to share between threads.

    `lock`: file shared by all processes that use this key; without it two that send the same call
    at the same time may send it once, since equal transactions have equal hashes.
    `confirmations`: blocks to wait for on top of the transaction's own. Seconds: `timeout` for a
    transaction as a whole, `bump_after` until a waiting one is replaced by fee, `poll` between
    looks. `max_fee`: wei per gas, never exceeded. `stop` ends waiting early.
    """

    def __init__(
        self,
        rpc: Rpc,
        account: Account,
        *,
        chain_id: int,
        decoder: Decoder | None = None,
        lock: Path | None = None,
        confirmations: int = 0,
        timeout: float = 120.0,
        bump_after: float = 20.0,
        poll: float = 0.25,
        max_fee: int | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._rpc = rpc
        self._account = account
        self._chain_id = chain_id
        self._decoder = decoder
        self._lock = NonceLock(lock, timeout)
        self._confirmations = confirmations
        self._timeout = timeout
        self._bump_after = bump_after
        self._poll = poll
        self._max_fee = max_fee
        self._stop = stop or threading.Event()
        self._in_flight: set[int] = set()

    @property
    def address(self) -> Address:
        """The account that sends."""
        return self._account.address

    def simulate(self, call: ContractCall, block: BlockTag = "latest") -> bytes:
        """Run a call without sending it and return its output. Raises Reverted."""
        try:
            return self._rpc.call(call.to, call.data, sender=self.address, block=block)
        except Reverted as error:
            raise build_reverted(call.description, error.reason) from error

    def send(self, call: ContractCall, on_signed: OnSigned | None = None) -> TransactionReceipt:
        """Simulate, send and wait until mined and confirmed.

        `on_signed` is told every signed transaction before its broadcast. Raises Reverted,
        Unfunded, Unreachable (before signing), TimedOut (after it: `resume` finds out more).
        """
        return self._finish(self._start(call, on_signed, "latest"))

    def send_many(self, calls: Sequence[ContractCall]) -> list[TransactionReceipt]:
        """Send several calls one behind the other without waiting, then wait for all.

        Each is simulated on top of those that wait. Of those that fail the first error is raised,
        after all that were sent are done.
        """
        started: list[_Pending] = []
        receipts: list[TransactionReceipt] = []
        refused: list[MarketError] = []
        for call in calls:
            try:
                started.append(self._start(call, None, "pending"))
            except MarketError as error:
                refused.append(error)
                break
        failed: list[MarketError] = []
        for pending in started:
            try:
                receipts.append(self._finish(pending))
            except MarketError as error:
                failed.append(error)
        if failed or refused:
            raise (failed + refused)[0]
        return receipts

    def send_each(
        self, calls: Sequence[tuple[ContractCall, OnSigned]], *, max_gas: int
    ) -> list[TransactionReceipt | MarketError]:
        """Send several calls one behind the other; return what became of each, in order.

        Each is simulated on top of those that wait, and a refusal of one does not hold up the
        others. Once those that wait may use `max_gas`, they are waited for first.
        """
        outcomes: dict[int, TransactionReceipt | MarketError] = {}
        waiting: dict[int, _Pending] = {}
        for place, (call, on_signed) in enumerate(calls):
            try:
                waiting[place] = self._start(call, on_signed, "pending" if waiting else "latest")
            except MarketError as error:
                outcomes[place] = error
            if sum(pending.plan.gas for pending in waiting.values()) >= max_gas:
                outcomes |= self._finish_each(waiting)
                waiting = {}
        outcomes |= self._finish_each(waiting)
        return [outcomes[place] for place in range(len(calls))]

    def _finish_each(
        self, waiting: dict[int, _Pending]
    ) -> dict[int, TransactionReceipt | MarketError]:
        outcomes: dict[int, TransactionReceipt | MarketError] = {}
        stuck: TimedOut | None = None
        for place, pending in waiting.items():
            try:
                if stuck is not None:
                    # Nothing behind a nonce that waits can be mined; `resume` finds out more.
                    self._in_flight.discard(pending.plan.nonce)
                    raise stuck
                outcomes[place] = self._finish(pending)
            except MarketError as error:
                outcomes[place] = error
                stuck = error if isinstance(error, TimedOut) else stuck
        return outcomes

    def resume(
        self, tx_hash: Hash, raw: bytes, on_signed: OnSigned | None = None
    ) -> TransactionReceipt | None:
        """Finish a transaction that was recorded before a crash.

        Mined: its receipt. Waiting, or never broadcast and still good: broadcast and waited for.
        None when it is given up: its nonce went to another transaction, or it would be refused
        now. Of several attempts at one call, resume each. Raises Reverted if it was mined and
        refused, InvalidInput, TimedOut, Unreachable.
        """
        if to_hash(keccak(raw)) != tx_hash:
            raise InvalidInput("these are not the bytes of that transaction", field="tx_hash")
        plan = read_plan(raw)
        pending = _Pending(plan, [Signed(tx_hash, raw, plan.nonce)], on_signed, time.monotonic())
        with self._lock.held():
            sight = look(self._rpc, self.address, [tx_hash])
            if sight.receipt is None and not sight.known:
                if not self._may_broadcast(plan):
                    logger.info("transaction given up", extra={"tx": tx_hash})
                    return None
                if broadcast(self._rpc, pending.newest) in (
                    Outcome.NONCE_USED,
                    Outcome.UNDERPRICED,
                ):
                    return None
            self._in_flight.add(plan.nonce)
        mined = self._await(pending)
        return None if mined is None else self._read(mined, plan.call)

    def _may_broadcast(self, plan: TransactionPlan) -> bool:
        """Say whether a transaction that the node does not know can still do what it should."""
        if self._rpc.fetch_nonce(self.address, "pending") != plan.nonce:
            return False
        try:
            self.simulate(plan.call)
        except Reverted:
            return False
        return True

    def _start(self, call: ContractCall, on_signed: OnSigned | None, block: str) -> _Pending:
        gas = self._estimate(call, block)
        for _ in range(NONCE_TRIES):
            with self._lock.held():
                tip, max_fee = choose_fees(self._rpc.fetch_fees(), self._max_fee)
                plan = TransactionPlan(call, self._chain_id, self._next_nonce(), gas, tip, max_fee)
                signed = sign_plan(plan, self._account)
                if on_signed is not None:
                    on_signed(signed)
                outcome = broadcast(self._rpc, signed)
                if outcome in (Outcome.SENT, Outcome.UNSURE):
                    self._in_flight.add(plan.nonce)
                    return _Pending(plan, [signed], on_signed, time.monotonic())
        raise Conflict(
            "another program keeps sending with this key",
            remedy="give each program a key of its own, or a common lock file",
        )

    def _estimate(self, call: ContractCall, block: str) -> int:
        """Simulate and return the gas to offer: a fifth over the estimate, and a lapse."""
        transaction = {
            "from": self.address,
            "to": call.to,
            "data": "0x" + call.data.hex(),
            "value": hex(call.value),
        }
        answers = self._rpc.batch(
            [("eth_call", [transaction, block]), ("eth_estimateGas", [transaction, block])], str
        )
        for answer in answers:
            if isinstance(answer, RpcError):
                raise (to_reverted(answer, call.description) or answer)
        return int(answers[1], 16) * 6 // 5 + LAPSE_GAS

    def _next_nonce(self) -> int:
        waiting = self._rpc.fetch_nonce(self.address, "pending")
        return max(waiting, *(nonce + 1 for nonce in tuple(self._in_flight)), 0)

    def _finish(self, pending: _Pending) -> TransactionReceipt:
        call, on_signed = pending.plan.call, pending.on_signed
        for _ in range(NONCE_TRIES):
            mined = self._await(pending)
            if mined is not None:
                return self._read(mined, call)
            pending = self._start(call, on_signed, "latest")
        raise Conflict(
            "another program keeps taking this key's nonces",
            remedy="give each program a key of its own, or a common lock file",
        )

    def _read(self, mined: MinedReceipt, call: ContractCall) -> TransactionReceipt:
        return build_receipt(self._rpc, self._decoder, mined, call, self.address)

    def _await(self, pending: _Pending) -> MinedReceipt | None:
        """Wait until an attempt is mined and confirmed; None when the nonce went elsewhere."""
        deadline = time.monotonic() + self._timeout
        delay, lost, pushed_at = FIRST_LOOK, 0, time.monotonic()
        try:
            while True:
                try:
                    hashes = [signed.hash for signed in pending.attempts]
                    sight = look(self._rpc, self.address, hashes)
                    if sight.receipt is not None:
                        lost = 0
                        if sight.head >= sight.receipt.number + self._confirmations:
                            return sight.receipt
                    elif sight.used > pending.plan.nonce:
                        lost += 1
                        if lost >= SURE:
                            return None
                    elif time.monotonic() - pending.sent_at >= self._bump_after:
                        self._replace(pending)
                        pushed_at = time.monotonic()
                    elif not sight.known and time.monotonic() - pushed_at >= REBROADCAST_SECONDS:
                        broadcast(self._rpc, pending.newest)
                        pushed_at = time.monotonic()
                except (Unreachable, TimedOut) as error:
                    logger.warning("node unreachable while waiting", extra={"detail": error.detail})
                if time.monotonic() >= deadline or self._stop.wait(delay):
                    raise TimedOut(
                        f"{pending.plan.call.description} ({pending.newest.hash}) is not mined yet",
                        remedy="it may still be: look at the transaction before sending again",
                    )
                delay = min(delay * 2, self._poll)
        finally:
            self._in_flight.discard(pending.plan.nonce)

    def _replace(self, pending: _Pending) -> None:
        """Sign the same nonce with higher fees and broadcast it."""
        pending.sent_at = time.monotonic()
        plan = bump(pending.plan, self._rpc.fetch_fees(), self._max_fee)
        if plan is None:
            broadcast(self._rpc, pending.newest)
            return
        signed = sign_plan(plan, self._account)
        if pending.on_signed is not None:
            pending.on_signed(signed)
        pending.plan = plan
        pending.attempts.append(signed)
        outcome = broadcast(self._rpc, signed)
        logger.info(
            "transaction replaced by fee", extra={"tx": signed.hash, "outcome": outcome.name}
        )

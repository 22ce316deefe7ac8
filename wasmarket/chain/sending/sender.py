"""Send transactions of one key: simulate, sign, record, broadcast, wait, replace when stuck.

After signing nothing is lost: an outage of the node is waited out, and after a crash `resume`
finishes what `on_signed` recorded.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import GasTooDear, RpcError, build_reverted, to_reverted
from wasmarket.chain.reading.answers import parse_quantity
from wasmarket.chain.reading.blocks import BlockTag
from wasmarket.chain.reading.rpc import Fees, Rpc
from wasmarket.chain.sending.nonces import NonceLock
from wasmarket.chain.sending.signing import (
    TransactionPlan,
    choose_fees,
    find_limit,
    read_plan,
    sign_plan,
)
from wasmarket.chain.sending.transactions import ContractCall, OnSigned, Signed, TransactionReceipt
from wasmarket.chain.sending.waiting import Patience, Pending, Waiter
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.errors import (
    Conflict,
    InvalidInput,
    MarketError,
    Reverted,
    TimedOut,
    Unfunded,
)
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Address, Hash

logger = logging.getLogger(__name__)

NONCE_TRIES = 5
LAPSE_GAS = 40_000
"""An epoch may begin before the block: a deal that lapses then costs two words more and a log."""
LEAST_GAS = 21_000
"""What every transaction costs."""
GWEI = 10**9


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
        self._lock = NonceLock(lock, timeout)
        self._max_fee = max_fee
        self._in_flight: set[int] = set()
        self._waiter = Waiter(
            rpc,
            account,
            decoder,
            Patience(timeout, bump_after, poll, confirmations),
            max_fee,
            stop or threading.Event(),
            self._in_flight,
        )

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

        `on_signed` is given every signed transaction before its broadcast. Raises Reverted,
        Unfunded, GasTooDear, Unreachable (before signing), TimedOut (after it: `resume` finds out
        more).
        """
        return self._finish(self._start(call, on_signed, "latest"))

    def send_many(self, calls: Sequence[ContractCall]) -> list[TransactionReceipt]:
        """Send several calls one behind the other without waiting, then wait for all.

        Each is simulated on top of those that wait. Of those that fail the first error is raised,
        after all that were sent are done.
        """
        started: list[Pending] = []
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
        waiting: dict[int, Pending] = {}
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
        self, waiting: dict[int, Pending]
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

        Mined: its receipt. Waiting, or never broadcast and still good: broadcast, dearer if it is
        refused, and waited for. None when it is given up: its nonce went to another transaction or
        is free, or it would be refused now. Of several attempts at one call, resume each. Raises
        Reverted if it was mined and refused, InvalidInput, TimedOut, Unreachable.
        """
        pending = _read_pending(tx_hash, raw, on_signed)
        with self._lock.held():
            if not self._take_up(pending):
                logger.info("transaction given up", extra={"tx": tx_hash})
                return None
            self._in_flight.add(pending.plan.nonce)
        return self._wait(pending)

    def rebroadcast(self, tx_hash: Hash, raw: bytes) -> None:
        """Broadcast again what a crash or a reorg lost, if it is still good; do not wait.

        Several in the order of their nonces are mined together. Raises InvalidInput, Unreachable,
        TimedOut, RpcError.
        """
        with self._lock.held():
            self._take_up(_read_pending(tx_hash, raw, None))

    def _take_up(self, pending: Pending) -> bool:
        """Broadcast what the node does not know; say whether there is something to wait for."""
        nonce = pending.plan.nonce
        sight = self._waiter.look(pending)
        if sight.used is None or sight.used > nonce or sight.known is not False:
            return True
        if not sight.is_free(nonce):
            # The nonce waits for another transaction, or for one before it that never came.
            return not sight.are_receipts_heard
        try:
            self.simulate(pending.plan.call)
        except Reverted:
            return False
        self._waiter.push(pending)
        if pending.refusal and not self._waiter.look(pending).is_free(nonce):
            return True
        if pending.refusal and self._waiter.push_dearer(pending) and not pending.refusal:
            return True
        return not (pending.refusal and self._waiter.look(pending).is_free(nonce))

    def _start(self, call: ContractCall, on_signed: OnSigned | None, block: str) -> Pending:
        gas, fees = self._prepare(call, block)
        tip, max_fee = choose_fees(fees, find_limit(call, gas, self._max_fee))
        with self._lock.held():
            plan = TransactionPlan(call, self._chain_id, self._next_nonce(), gas, tip, max_fee)
            signed = sign_plan(plan, self._account)
            if on_signed is not None:
                on_signed(signed)
            pending = Pending(plan, [signed], on_signed)
            self._in_flight.add(plan.nonce)
            self._waiter.push(pending)
        return pending

    def _prepare(self, call: ContractCall, block: str) -> tuple[int, Fees]:
        """Simulate; return the gas to offer and the fees of now.

        The gas is a fifth over the estimate, and a lapse. Raises Reverted, Unfunded, GasTooDear.
        """
        transaction = {
            "from": self.address,
            "to": call.to,
            "data": "0x" + call.data.hex(),
            "value": hex(call.value),
        }
        simulated, estimated, balance = self._rpc.batch(
            [
                ("eth_call", [transaction, block]),
                ("eth_estimateGas", [transaction, block]),
                ("eth_getBalance", [self.address, "latest"]),
            ],
            str,
        )
        fees, held = self._rpc.fetch_fees(), _to_number(balance)
        for answer in (simulated, estimated):
            if isinstance(answer, RpcError):
                refused = to_reverted(answer, call.description)
                if refused is None:
                    self._check_funds(call, LEAST_GAS, fees, held)
                raise refused or answer
        gas = _to_number(estimated) * 6 // 5 + LAPSE_GAS
        self._check_fees(call, gas, fees)
        self._check_funds(call, gas, fees, held)
        return gas, fees

    def _check_fees(self, call: ContractCall, gas: int, fees: Fees) -> None:
        price = fees.base + fees.tip
        if self._max_fee is not None and fees.base > self._max_fee:
            raise GasTooDear(
                f"{call.description}: a unit of gas costs {_gwei(fees.base)} gwei now, more than "
                f"the {_gwei(self._max_fee)} that are allowed",
                field="chain.max_fee_gwei",
                remedy="wait, or raise [chain] max_fee_gwei",
            )
        if call.max_cost is not None and gas * price > call.max_cost:
            raise GasTooDear(
                f"{call.description}: its gas costs {gas * price} wei now, "
                f"more than the {call.max_cost} that it is worth",
                remedy="wait until gas is cheaper",
            )

    def _check_funds(self, call: ContractCall, gas: int, fees: Fees, held: int) -> None:
        """Raise Unfunded if the account cannot pay what a node asks it to have."""
        _, max_fee = choose_fees(fees, find_limit(call, gas, self._max_fee))
        wanted = gas * max_fee + call.value
        if held < wanted:
            raise Unfunded(
                f"the account {self.address} has {held} wei of native coins; for gas it must have "
                f"{wanted}",
                remedy="send native coins to it",
            )

    def _next_nonce(self) -> int:
        waiting = self._rpc.fetch_nonce(self.address, "pending")
        return max(waiting, *(nonce + 1 for nonce in tuple(self._in_flight)), 0)

    def _finish(self, pending: Pending) -> TransactionReceipt:
        call, on_signed = pending.plan.call, pending.on_signed
        for _ in range(NONCE_TRIES):
            receipt = self._wait(pending)
            if receipt is not None:
                return receipt
            pending = self._start(call, on_signed, "latest")
        self._in_flight.discard(pending.plan.nonce)
        raise Conflict(
            "another program keeps taking this key's nonces",
            remedy="give each program a key of its own, or a common lock file",
        )

    def _wait(self, pending: Pending) -> TransactionReceipt | None:
        try:
            return self._waiter.wait(pending)
        finally:
            self._in_flight.discard(pending.plan.nonce)


def _read_pending(tx_hash: Hash, raw: bytes, on_signed: OnSigned | None) -> Pending:
    if to_hash(keccak(raw)) != tx_hash:
        raise InvalidInput("these are not the bytes of that transaction", field="tx_hash")
    plan = read_plan(raw)
    return Pending(plan, [Signed(tx_hash, raw, plan.nonce)], on_signed)


def _to_number(answer: str | RpcError) -> int:
    if isinstance(answer, RpcError):
        raise answer
    return parse_quantity(answer)


def _gwei(wei: int) -> str:
    return f"{wei / GWEI:.3f}".rstrip("0").rstrip(".")

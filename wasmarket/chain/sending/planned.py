"""Note the transactions that would be sent, and what they would cost, instead of sending them."""

from collections.abc import Sequence
from typing import Any

from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.sender import Sender
from wasmarket.chain.sending.signing import choose_fees, find_limit
from wasmarket.chain.sending.transactions import ContractCall, OnSigned, TransactionReceipt
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import ZERO_HASH
from wasmarket.kernel.errors import MarketError, Reverted
from wasmarket.kernel.signing.plan import PlanComplete, PlannedAct, SigningPlan
from wasmarket.kernel.units import BlockNumber, Hash

APPROVE = bytes.fromhex("095ea7b3")
"""The selector of ERC-20's `approve`, after which nobody looks at the receipt."""

LONGEST = 80
"""Characters of an argument that are shown."""


class PlannedSender(Sender):
    """Notes transactions in a plan where a sender would send them."""

    def __init__(self, plan: SigningPlan, rpc: Rpc, account: Account, **settings: Any) -> None:
        """`settings` are a sender's."""
        super().__init__(rpc, account, **settings)
        self._plan = plan

    def send(self, call: ContractCall, on_signed: OnSigned | None = None) -> TransactionReceipt:
        """Note a call; only what an approval answers is known without having sent it.

        Raises PlanComplete, and what a sender would raise before it signs: Reverted, Unfunded,
        GasTooDear, Unreachable.
        """
        self._note(call)
        if call.data[: len(APPROVE)] == APPROVE:
            return TransactionReceipt(ZERO_HASH, BlockNumber(0), ZERO_HASH, 0, 0, ())
        raise PlanComplete

    def send_many(self, calls: Sequence[ContractCall]) -> list[TransactionReceipt]:
        """Note several calls. Raises as `send`."""
        for call in calls:
            self._note(call)
        raise PlanComplete

    def send_each(
        self, calls: Sequence[tuple[ContractCall, OnSigned]], *, max_gas: int
    ) -> list[TransactionReceipt | MarketError]:
        """Note several calls. Raises as `send`."""
        return list(self.send_many([call for call, _ in calls]))

    def resume(
        self, tx_hash: Hash, raw: bytes, on_signed: OnSigned | None = None
    ) -> TransactionReceipt | None:
        """Leave it as it is."""
        raise PlanComplete

    def rebroadcast(self, tx_hash: Hash, raw: bytes) -> None:
        """Leave it as it is."""

    def _note(self, call: ContractCall) -> None:
        text = f"{call.description}({', '.join(map(_write, call.arguments))})"
        try:
            gas, fees = self._prepare(call, "latest")
        except Reverted:
            if not any(act.kind == "transaction" for act in self._plan.acts):
                raise
            # It stands on what was only planned, such as an allowance.
            self._plan.acts.append(PlannedAct("transaction", text))
            return
        _, dearest = choose_fees(fees, find_limit(call, gas, self._max_fee))
        most = gas * dearest + call.value
        self._plan.acts.append(PlannedAct("transaction", text, gas, most))


def _write(argument: Any) -> str:
    text = "0x" + argument.hex() if isinstance(argument, bytes) else str(argument)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

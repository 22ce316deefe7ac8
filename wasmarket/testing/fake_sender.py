"""A sender for tests: each transaction does what the test said and is mined at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import GasTooDear, RpcError
from wasmarket.chain.reading.blocks import BlockTag
from wasmarket.chain.sending.transactions import ContractCall, OnSigned, Signed, TransactionReceipt
from wasmarket.kernel.addresses import raw as to_raw
from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.errors import MarketError, Reverted
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Address, Hash
from wasmarket.testing.fake_chain import FakeChain, Handled

NONCE_BYTES = 8
ADDRESS_BYTES = 20
GAS = 100_000
GAS_PRICE = 10**9


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that was mined."""

    contract: str
    function: str
    args: tuple[Any, ...]
    tx_hash: Hash


class FakeSender:
    """Sends for one account to a FakeChain's handlers; `sent` lists what was mined.

    `gas_price` in wei decides what a call with a limit is refused for.
    """

    def __init__(self, chain: FakeChain, address: Address) -> None:
        self.sent: list[Sent] = []
        self.gas_price = GAS_PRICE
        self._chain = chain
        self._address = address
        self._decoder = Decoder(chain.deployment)
        self._receipts: dict[Hash, TransactionReceipt] = {}
        self._nonce = 0

    @property
    def address(self) -> Address:
        """The account that sends."""
        return self._address

    def simulate(self, call: ContractCall, block: BlockTag = "latest") -> bytes:
        """Answer a view; for a transaction only check that the test handles it."""
        if self._find(call) is None:
            return self._chain.call(call.to, call.data, sender=self._address, block=block)
        self._chain.fetch_head()
        return b""

    def send(self, call: ContractCall, on_signed: OnSigned | None = None) -> TransactionReceipt:
        """Run the test's handler and mine its events in one block. Raises Reverted as it does."""
        self.simulate(call)
        if call.max_cost is not None and GAS * self.gas_price > call.max_cost:
            raise GasTooDear(f"{call.description}: its gas costs more than it is worth")
        self._nonce += 1
        raw = self._nonce.to_bytes(NONCE_BYTES, "big") + to_raw(call.to) + call.data
        signed = Signed(to_hash(keccak(raw)), raw, self._nonce)
        if on_signed is not None:
            on_signed(signed)
        return self._mine(call, signed.hash)

    def send_many(self, calls: Sequence[ContractCall]) -> list[TransactionReceipt]:
        """Send each in turn."""
        return [self.send(call) for call in calls]

    def send_each(
        self, calls: Sequence[tuple[ContractCall, OnSigned]], *, max_gas: int
    ) -> list[TransactionReceipt | MarketError]:
        """Send each in turn; a refusal of one does not hold up the others."""
        outcomes: list[TransactionReceipt | MarketError] = []
        for call, on_signed in calls:
            try:
                outcomes.append(self.send(call, on_signed))
            except MarketError as error:
                outcomes.append(error)
        return outcomes

    def resume(
        self, tx_hash: Hash, raw: bytes, on_signed: OnSigned | None = None
    ) -> TransactionReceipt | None:
        """Return the receipt of what was mined; send what was not; None when it would revert."""
        if tx_hash in self._receipts:
            return self._receipts[tx_hash]
        start = NONCE_BYTES + ADDRESS_BYTES
        to = to_address(raw[NONCE_BYTES:start])
        try:
            return self._mine(ContractCall(to, raw[start:], "the transaction"), tx_hash)
        except Reverted:
            return None

    def rebroadcast(self, tx_hash: Hash, raw: bytes) -> None:
        """Do nothing: `resume` mines at once."""

    def _find(self, call: ContractCall) -> Handled | None:
        return self._chain.handlers.get((call.to, call.data[:4]))

    def _mine(self, call: ContractCall, tx_hash: Hash) -> TransactionReceipt:
        handled = self._find(call)
        if handled is None:
            raise RpcError(f"the test does not handle {call.description}", code=-32000)
        args = handled.function.decode_inputs(call.data[4:])
        events = tuple(handled.handler(self._address, *args) or ())
        ref = self._chain.mine(*events, tx_hash=tx_hash)
        self.sent.append(Sent(handled.contract, handled.function.name, args, tx_hash))
        raws = self._chain.fetch_logs(self._decoder.addresses, ref.number, ref.number)
        logs = self._decoder.decode_all(raws, {ref.hash: ref.timestamp})
        receipt = TransactionReceipt(tx_hash, ref.number, ref.hash, GAS, self.gas_price, logs)
        self._receipts[tx_hash] = receipt
        return receipt

"""Transactions as values, and the protocol of whoever sends them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from wasmarket.chain.reading.blocks import BlockTag, Log
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.events import Event
from wasmarket.kernel.units import Address, BlockNumber, Hash

EventT = TypeVar("EventT", bound=Event)


@dataclass(frozen=True, slots=True)
class ContractCall:
    """A function to call, encoded; `description` is what people read; `value` in wei.

    `max_cost`: wei that its gas may cost, None: what the sender's own limit allows.
    """

    to: Address
    data: bytes
    description: str
    value: int = 0
    max_cost: int | None = None
    arguments: tuple[Any, ...] = field(default=(), compare=False)
    """What `data` encodes, for people."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction: its hash, its bytes and its nonce."""

    hash: Hash
    raw: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class TransactionReceipt:
    """A transaction that was mined and did not revert. `gas_price` in wei per gas."""

    tx_hash: Hash
    block_number: BlockNumber
    block_hash: Hash
    gas_used: int
    gas_price: int
    logs: tuple[Log[Event], ...]

    def find(self, kind: type[EventT]) -> list[EventT]:
        """Return the events of one kind, in log order."""
        return [log.event for log in self.logs if isinstance(log.event, kind)]


OnSigned = Callable[[Signed], None]
"""Called with each signed transaction before it is broadcast, replacements too: record it."""


class Submitter(Protocol):
    """Sends transactions of one account; `Sender` and `FakeSender` are submitters."""

    @property
    def address(self) -> Address:
        """The account that sends."""

    def simulate(self, call: ContractCall, block: BlockTag = "latest") -> bytes:
        """Run a call without sending it and return its output. Raises Reverted."""

    def send(self, call: ContractCall, on_signed: OnSigned | None = None) -> TransactionReceipt:
        """Simulate, send and wait until mined. Raises Reverted, Unfunded, TimedOut, Unreachable."""

    def send_many(self, calls: Sequence[ContractCall]) -> list[TransactionReceipt]:
        """Send several calls one behind the other, then wait for all."""

    def send_each(
        self, calls: Sequence[tuple[ContractCall, OnSigned]], *, max_gas: int
    ) -> list[TransactionReceipt | MarketError]:
        """Send several calls one behind the other; return what became of each, in order."""

    def resume(
        self, tx_hash: Hash, raw: bytes, on_signed: OnSigned | None = None
    ) -> TransactionReceipt | None:
        """Finish what a crash interrupted; None if that transaction can no longer be mined."""

    def rebroadcast(self, tx_hash: Hash, raw: bytes) -> None:
        """Broadcast again what a crash or a reorg lost, without waiting; `resume` waits for it."""

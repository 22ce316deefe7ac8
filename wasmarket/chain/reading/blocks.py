"""What is read from a chain, as values, and the protocol of whatever it is read from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.events import Event
from wasmarket.kernel.units import Address, BlockNumber, Hash, Timestamp

EventT_co = TypeVar("EventT_co", bound=Event, covariant=True)

BlockTag = int | str
"""A block's number, its hash, or one of "latest", "pending", "finalized", "earliest"."""


@dataclass(frozen=True, slots=True)
class BlockRef:
    """Which block: enough to follow a chain through reorgs and to know its time."""

    number: BlockNumber
    hash: Hash
    parent: Hash
    timestamp: Timestamp


@dataclass(frozen=True, slots=True)
class Header:
    """A block whose members were checked against its hash, and the bloom of its logs."""

    ref: BlockRef
    bloom: int


class Log(msgspec.Struct, Generic[EventT_co], frozen=True, gc=False):
    """One event of our contracts and where it happened."""

    event: EventT_co
    address: Address
    block_number: BlockNumber
    block_hash: Hash
    tx_hash: Hash
    log_index: int
    timestamp: Timestamp


@dataclass(frozen=True, slots=True)
class Block:
    """A block and the events of our contracts in it, in log order.

    `is_final`: so deep below the head that it will not be undone.
    """

    ref: BlockRef
    logs: tuple[Log[Event], ...] = ()
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Rollback:
    """Everything above `to` is no longer part of the chain: undo it."""

    to: BlockRef


Update = Block | Rollback


class RawLog(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A log as JSON-RPC writes it: numbers and bytes in hex."""

    address: str
    topics: tuple[str, ...]
    data: str
    block_number: str
    block_hash: str
    transaction_hash: str
    log_index: str
    removed: bool = False

    @property
    def number(self) -> BlockNumber:
        """Number of the log's block."""
        return BlockNumber(int(self.block_number, 16))

    @property
    def index(self) -> int:
        """Place of the log in its block."""
        return int(self.log_index, 16)


@dataclass(frozen=True, slots=True)
class LogRange:
    """The logs of some blocks, and the last of these blocks as the same node knows it."""

    logs: list[RawLog]
    last: BlockRef | None


class LogDecoder(Protocol):
    """Which events are followed, and how their logs are read."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The contracts that log them."""

    @property
    def topics(self) -> Mapping[Address, tuple[str, ...]]:
        """The first topics of each contract's events."""

    def decode_all(
        self, raws: Iterable[RawLog], timestamps: Mapping[str, Timestamp]
    ) -> tuple[Log[Event], ...]:
        """Return the events that are ours, in log order; `timestamps` by the blocks' hashes."""


class Reader(Protocol):
    """What following a chain and reading contracts need; `Rpc` and `FakeChain` are readers.

    `origin` names the node in messages, without the keys that its URL may hold.
    """

    @property
    def origin(self) -> str: ...

    def doubt(self) -> None:
        """Hear that an answer cannot be right: another node is asked next, if there is one."""

    def fetch_chain_id(self) -> int:
        """Return the chain id."""

    def fetch_head(self, tag: BlockTag = "latest") -> BlockRef:
        """Return the newest block. Raises Unreachable, RpcError."""

    def fetch_headers(self, tags: Sequence[BlockTag]) -> list[BlockRef | None]:
        """Return one block per tag, None where the node knows no such block."""

    def fetch_checked_headers(self, tags: Sequence[BlockTag]) -> list[Header | None]:
        """Return one block per tag with its bloom, None where the node knows no such block.

        Raises ContradictoryAnswer for a header that does not have its hash.
        """

    def fetch_logs(self, addresses: Sequence[Address], first: int, last: int) -> list[RawLog]:
        """Return the logs of blocks first … last."""

    def fetch_range(self, addresses: Sequence[Address], first: int, last: int) -> LogRange:
        """Return the logs of blocks first … last and, in the same request, the block `last`."""

    def fetch_block_logs(
        self, addresses: Sequence[Address], hashes: Sequence[Hash]
    ) -> list[list[RawLog] | None]:
        """Return each block's logs by block hash, None where the node knows no such block.

        Without addresses: those of every contract.
        """

    def fetch_code(self, address: Address) -> bytes:
        """Return the runtime code at an address, empty if there is none."""

    def call(
        self, to: Address, data: bytes, *, sender: Address | None = None, block: BlockTag = "latest"
    ) -> bytes:
        """Run a function without a transaction and return its output. Raises Reverted."""

    def call_many(
        self, calls: Sequence[tuple[Address, bytes]], *, block: BlockTag = "latest"
    ) -> list[bytes | MarketError]:
        """Run several functions on one block; a refused one gives its error in place."""

"""An in-memory chain for tests of those who follow and use one; passes the same tests as Anvil.

Blocks, reorgs, heads and logs are real values through the real decoder and follower; views and
transactions answer what the test says.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wasmarket.chain.contracts.abi import Function, load_abi
from wasmarket.chain.contracts.encoder import encode_event
from wasmarket.chain.errors import RpcError
from wasmarket.chain.reading.blocks import BlockRef, BlockTag, Header, LogRange, RawLog
from wasmarket.chain.reading.bloom import bloom_of
from wasmarket.kernel.addresses import ZERO_HASH, to_address, to_hash
from wasmarket.kernel.deployment import CONTRACTS, DeployedContract, Deployment, Parameters, Token
from wasmarket.kernel.errors import MarketError, Reverted, Unreachable
from wasmarket.kernel.events import EVENTS, Event
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import FLT, Address, BlockNumber, Hash, Timestamp

BLOCK_SECONDS = 2
FAKE_CODE = b"\x01"
START = 1_700_000_040
"""First block's timestamp: the first second of an epoch of 60 seconds."""

Answer = Callable[..., Any]
Handler = Callable[..., Iterable[Event] | None]


@dataclass(frozen=True, slots=True)
class Handled:
    """A function of a contract and what the test says it does."""

    contract: str
    function: Function
    handler: Handler


@dataclass(frozen=True, slots=True)
class _FakeBlock:
    ref: BlockRef
    logs: tuple[RawLog, ...]


class FakeChain:
    """A reader over blocks that the test mines.

    Block numbers begin at the deployment's block. `offline` True: every request raises
    Unreachable. `max_logs`: the node refuses to return more logs at once. Hashes of blocks are made
    up, so no header is checked against its own.
    """

    origin = "the fake chain"

    def __init__(
        self, deployment: Deployment, *, timestamp: int = START, max_logs: int | None = None
    ) -> None:
        self.deployment = deployment
        self.offline = False
        self.max_logs = max_logs
        self.requests: list[str] = []
        self.handlers: dict[tuple[Address, bytes], Handled] = {}
        self._answers: dict[tuple[Address, bytes], tuple[Function, Answer]] = {}
        self._owners = {
            kind: deployment.contracts[name].address
            for name, kinds in EVENTS.items()
            for kind in kinds
        }
        self._clock = timestamp - BLOCK_SECONDS
        self._fork = 0
        self._blocks: list[_FakeBlock] = []
        self._by_hash: dict[Hash, _FakeBlock] = {}
        self.mine()

    @property
    def head(self) -> BlockRef:
        """The newest block."""
        return self._blocks[-1].ref

    def mine(
        self,
        *events: Event,
        timestamp: int | None = None,
        seconds: int = BLOCK_SECONDS,
        tx_hash: Hash | None = None,
    ) -> BlockRef:
        """Add a block with these events, `seconds` after the last one or at `timestamp`.

        They are of one transaction if its hash is given, else of one each.
        """
        self._clock = self._clock + seconds if timestamp is None else timestamp
        number = BlockNumber(self.deployment.block + len(self._blocks))
        parent = self._blocks[-1].ref.hash if self._blocks else ZERO_HASH
        seal = f"{self._fork}/{number}/{self._clock}/{events!r}".encode()
        ref = BlockRef(number, to_hash(keccak(seal)), parent, Timestamp(self._clock))
        logs = tuple(self._to_log(ref, index, event, tx_hash) for index, event in enumerate(events))
        self._blocks.append(_FakeBlock(ref, logs))
        self._by_hash[ref.hash] = self._blocks[-1]
        return ref

    def mine_many(self, count: int) -> BlockRef:
        """Add empty blocks and return the last."""
        for _ in range(count):
            self.mine()
        return self.head

    def reorg(self, depth: int, *blocks: Sequence[Event]) -> BlockRef:
        """Replace the newest `depth` blocks by `depth` others holding `blocks`' events."""
        self.rollback(depth)
        for index in range(max(depth, len(blocks))):
            self.mine(*(blocks[index] if index < len(blocks) else ()))
        return self.head

    def rollback(self, depth: int) -> BlockRef:
        """Remove the newest `depth` blocks; blocks mined from now on are of another fork."""
        del self._blocks[len(self._blocks) - depth :]
        self._fork += 1
        self._clock = self.head.timestamp
        return self.head

    def advance(self, seconds: int) -> BlockRef:
        """Move the clock forward and mine an empty block at the new time."""
        return self.mine(seconds=seconds)

    def answer(self, contract: str, view: str, result: Any) -> None:
        """Say what a view returns: a value, or a function of its arguments; a tuple for several."""
        function = load_abi(contract).function(view)
        address = self._address_of(contract)
        known: Answer = result if callable(result) else lambda *_: result
        self._answers[address, function.selector] = function, known

    def handle(self, contract: str, name: str, handler: Handler) -> None:
        """Say what a transaction does: `handler(sender, *args)` gives events or raises Reverted."""
        function = load_abi(contract).function(name)
        key = self._address_of(contract), function.selector
        self.handlers[key] = Handled(contract, function, handler)

    def doubt(self) -> None:
        """Do nothing: there is no other node here."""

    def fetch_chain_id(self) -> int:
        """Return the deployment's chain id."""
        self._count("fetch_chain_id")
        return self.deployment.chain_id

    def fetch_head(self, tag: BlockTag = "latest") -> BlockRef:
        """Return the newest block, or the one of a tag."""
        [head] = self.fetch_headers([tag])
        if head is None:
            raise RpcError(f"no block {tag}", code=-32000)
        return head

    def fetch_headers(self, tags: Sequence[BlockTag]) -> list[BlockRef | None]:
        """Return one block per tag, None where there is none."""
        self._count("fetch_headers")
        found = [self._find(tag) for tag in tags]
        return [block.ref if block is not None else None for block in found]

    def fetch_checked_headers(self, tags: Sequence[BlockTag]) -> list[Header | None]:
        """Return one block per tag with its bloom, None where there is none."""
        self._count("fetch_checked_headers")
        found = [self._find(tag) for tag in tags]
        return [Header(b.ref, bloom_of(b.logs)) if b is not None else None for b in found]

    def fetch_range(self, addresses: Sequence[Address], first: int, last: int) -> LogRange:
        """Return the logs of blocks first … last, and the block `last`."""
        logs = self.fetch_logs(addresses, first, last)
        found = self._find(last)
        return LogRange(logs, None if found is None else found.ref)

    def fetch_logs(self, addresses: Sequence[Address], first: int, last: int) -> list[RawLog]:
        """Return the logs of blocks first … last."""
        self._count("fetch_logs")
        logs = [
            log
            for block in self._blocks
            if first <= block.ref.number <= last
            for log in block.logs
            if log.address in addresses
        ]
        if self.max_logs is not None and len(logs) > self.max_logs:
            raise RpcError(f"query returned more than {self.max_logs} results", code=-32005)
        return logs

    def fetch_block_logs(
        self, addresses: Sequence[Address], hashes: Sequence[Hash]
    ) -> list[list[RawLog] | None]:
        """Return each block's logs, None for unknown blocks; without addresses: all."""
        self._count("fetch_block_logs")
        blocks = [self._by_hash.get(hash) for hash in hashes]
        return [
            None
            if block is None
            else [log for log in block.logs if not addresses or log.address in addresses]
            for block in blocks
        ]

    def fetch_code(self, address: Address) -> bytes:
        """Return some code for each contract of the deployment."""
        self._count("fetch_code")
        known = {entry.address for entry in self.deployment.contracts.values()}
        return FAKE_CODE if address in known else b""

    def call(
        self, to: Address, data: bytes, *, sender: Address | None = None, block: BlockTag = "latest"
    ) -> bytes:
        """Answer a view as the test said. Raises Reverted as the test's function does."""
        self._count("call")
        if self._find(block) is None:
            raise RpcError("unknown block", code=-32000)
        known = self._answers.get((to, data[:4]))
        if known is None:
            raise RpcError(f"the test gives no answer for {to} 0x{data[:4].hex()}", code=-32000)
        function, answer = known
        result = answer(*function.decode_inputs(data[4:]))
        return function.encode_outputs(result if len(function.outputs) > 1 else (result,))

    def call_many(
        self, calls: Sequence[tuple[Address, bytes]], *, block: BlockTag = "latest"
    ) -> list[bytes | MarketError]:
        """Answer several views; a refused one gives its error in place."""
        answers: list[bytes | MarketError] = []
        for to, data in calls:
            try:
                answers.append(self.call(to, data, block=block))
            except Reverted as error:
                answers.append(error)
        return answers

    def _count(self, method: str) -> None:
        if self.offline:
            raise Unreachable("the fake chain is offline", remedy="set offline = False")
        self.requests.append(method)

    def _find(self, tag: BlockTag) -> _FakeBlock | None:
        if tag in ("latest", "pending"):
            return self._blocks[-1]
        if isinstance(tag, str):
            return self._by_hash.get(Hash(tag)) if tag.startswith("0x") else self._blocks[0]
        index = tag - self.deployment.block
        return self._blocks[index] if 0 <= index < len(self._blocks) else None

    def _to_log(self, ref: BlockRef, index: int, event: Event, tx_hash: Hash | None) -> RawLog:
        address = self._owners[type(event)]
        topics, data = encode_event(event)
        transaction = tx_hash or to_hash(keccak(f"{ref.hash}/{index}".encode()))
        return RawLog(address, topics, data, hex(ref.number), ref.hash, transaction, hex(index))

    def _address_of(self, contract: str) -> Address:
        tokens = {"TestUSDC": self.deployment.usdc, "TestFLT": self.deployment.flt}
        if contract in tokens:
            return tokens[contract].address
        return self.deployment.contracts[contract].address


def fake_deployment(*, epoch_seconds: int = 60, block: int = 1) -> Deployment:
    """Build a deployment with made-up addresses, local parameters and 1-byte code."""
    names = [*CONTRACTS, "Faucet", "usdc", "flt"]
    addresses = {name: to_address(keccak(name.encode())[12:]) for name in names}
    code_hash = to_hash(keccak(FAKE_CODE))
    return Deployment(
        chain_id=31337,
        name="fake",
        block=BlockNumber(block),
        contracts={name: DeployedContract(addresses[name], code_hash) for name in names[:-2]},
        usdc=Token(addresses["usdc"], 6),
        flt=Token(addresses["flt"], 18),
        parameters=Parameters(
            epoch_seconds=epoch_seconds,
            accept_seconds=60,
            max_missed=3,
            proof_window=1,
            bond_per_unit=100 * FLT,
            fault_fee=10 * FLT,
            leaving_delay=840,
            accept_blocks=1,
            phase_blocks=1,
            ask_fee=2 * FLT,
            stake=50 * FLT,
            juror_fee=3 * FLT,
            share_cap=50 * FLT,
            seat=100 * FLT,
            min_seats=7,
        ),
    )

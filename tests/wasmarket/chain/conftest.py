"""What chain tests share: one small world on Anvil and one in memory, that act alike."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from vyper import compile_code

from tests.wasmarket.chain.senders import COUNTER, build_sender
from wasmarket.chain.contracts.abi import parse_abi
from wasmarket.chain.contracts.bindings import ContractBinding as Counter
from wasmarket.chain.contracts.encoder import encode_event
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.reading.blocks import BlockRef
from wasmarket.kernel.addresses import parse_address, to_hash
from wasmarket.kernel.deployment import DeployedContract, Deployment
from wasmarket.kernel.events import EVENTS, Event
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Address, BlockNumber
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

EMITTER = """
# pragma version 0.4.3

@external
def emit(topics: DynArray[bytes32, 4], data: Bytes[4096]):
    if len(topics) == 1:
        raw_log([topics[0]], data)
    elif len(topics) == 2:
        raw_log([topics[0], topics[1]], data)
    elif len(topics) == 3:
        raw_log([topics[0], topics[1], topics[2]], data)
    else:
        raw_log([topics[0], topics[1], topics[2], topics[3]], data)
"""


class AnvilWorld:
    """Emitters at the addresses of our contracts: they log any event that a test wants."""

    def __init__(self, anvil: Anvil) -> None:
        self.anvil = anvil
        self.reader = anvil.rpc
        [self._dev] = anvil.rpc.request("eth_accounts")[:1]
        anvil.cheats.set_automine(False)
        compiled = compile_code(EMITTER, output_formats=["bytecode", "abi"])
        self._emit = parse_abi("Emitter", compiled["abi"]).function("emit")
        creations = [{"data": compiled["bytecode"]} for _ in EVENTS]
        start = self._mine(creations)
        addresses = self._created(start)
        self.deployment = _place(fake_deployment(), addresses, start.number, anvil.rpc)

    def mine(self, *events: Event) -> BlockRef:
        """Mine a block with these events."""
        return self._mine([self._transaction(event) for event in events])

    def mine_many(self, count: int) -> BlockRef:
        """Mine empty blocks."""
        self.anvil.cheats.mine(count)
        return self.reader.fetch_head()

    def reorg(self, depth: int, *blocks: Sequence[Event]) -> BlockRef:
        """Replace the newest blocks by others with these events."""
        pairs = [
            [self._transaction(event), index]
            for index, events in enumerate(blocks)
            for event in events
        ]
        self.reader.request("anvil_reorg", [depth, pairs])
        return self.reader.fetch_head()

    def rollback(self, depth: int) -> BlockRef:
        """Remove the newest blocks; the next ones differ from them."""
        self.anvil.cheats.rollback(depth)
        self.anvil.cheats.set_next_timestamp(self.reader.fetch_head().timestamp + 7)
        return self.reader.fetch_head()

    def _transaction(self, event: Event) -> dict[str, Any]:
        topics, data = encode_event(event)
        call = self._emit.encode([topics, data])
        names = [name for name, kinds in EVENTS.items() if type(event) in kinds]
        to = self.deployment.contracts[names[0]].address
        return {"from": self._dev, "to": to, "data": "0x" + call.hex(), "gas": hex(500_000)}

    def _mine(self, transactions: list[dict[str, Any]]) -> BlockRef:
        for transaction in transactions:
            self.reader.request("eth_sendTransaction", [{"from": self._dev, **transaction}])
        self.anvil.cheats.mine()
        return self.reader.fetch_head()

    def _created(self, block: BlockRef) -> list[Address]:
        found = self.reader.request("eth_getBlockByHash", [block.hash, False])
        receipts = self.reader.batch(
            [("eth_getTransactionReceipt", [hash]) for hash in found["transactions"]]
        )
        return [parse_address(receipt["contractAddress"]) for receipt in receipts]


class FakeWorld:
    """The same, in memory."""

    def __init__(self) -> None:
        self.deployment = fake_deployment()
        self.reader = FakeChain(self.deployment)
        self.mine = self.reader.mine
        self.mine_many = self.reader.mine_many
        self.reorg = self.reader.reorg
        self.rollback = self.reader.rollback


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with Anvil.start() as process:
        yield process


@pytest.fixture
def anvil_world(anvil) -> AnvilWorld:
    return AnvilWorld(anvil)


@pytest.fixture
def fake_world() -> FakeWorld:
    return FakeWorld()


def _place(base: Deployment, addresses: list[Address], block: int, rpc: Any) -> Deployment:
    contracts = dict(base.contracts)
    for name, address in zip(EVENTS, addresses, strict=True):
        contracts[name] = DeployedContract(address, to_hash(keccak(rpc.fetch_code(address))))
    kept = {name: contracts[name] for name in EVENTS}
    return replace(base, contracts=kept, block=BlockNumber(block))


@pytest.fixture(scope="module")
def compiled():
    return compile_code(COUNTER, output_formats=["bytecode", "abi"])


@pytest.fixture
def counter(anvil, compiled):
    rpc = anvil.rpc
    [dev, *_] = rpc.request("eth_accounts")
    creation = {"from": dev, "data": compiled["bytecode"]}
    hash = rpc.request("eth_sendTransaction", [creation])
    anvil.cheats.mine()
    receipt = rpc.request("eth_getTransactionReceipt", [hash])
    address = parse_address(receipt["contractAddress"])
    return Counter(rpc, address, parse_abi("Counter", compiled["abi"]))


@pytest.fixture
def account():
    return dev_accounts()[1]


@pytest.fixture
def sender(anvil, account, counter):
    return build_sender(anvil.rpc, account)

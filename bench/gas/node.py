"""An Anvil whose every block is determined: one transaction each, at a time that is set here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rlp  # type: ignore[import-untyped]

from wasmarket.chain.contracts.abi import load_abi
from wasmarket.chain.development.anvil import CHAIN_ID, Anvil
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.signing import TransactionPlan, sign_plan
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import raw, to_address
from wasmarket.kernel.errors import MarketError, Reverted
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import Address

GAS_LIMIT = 15_000_000
MAX_FEE = 10**11
BALANCE = 10**22
WORD = 32

_SKIPS = {load_abi("Market").events[name].topic for name in ("Skipped", "FillSkipped")}


class NotDone(MarketError):
    """A measured transaction did not do all it should"""


class Node:
    """Sends transactions one by one, moves the clock, goes back to where it was."""

    def __init__(self, rpc: Rpc, anvil: Anvil, now: int) -> None:
        self.rpc = rpc
        self.now = now
        self._cheats = anvil.cheats

    @classmethod
    @contextmanager
    def open(cls, start: int) -> Iterator["Node"]:
        """Start an Anvil whose first block is at `start` (seconds); ends it afterwards."""
        with Anvil.start(timestamp=start) as anvil:
            # A node that mines by itself does so some time after it took a transaction.
            anvil.cheats.set_automine(False)
            yield cls(anvil.rpc, anvil, start)

    @property
    def version(self) -> str:
        """The node's version and the rules of the chain that it applies."""
        name, _, number = str(self.rpc.request("web3_clientVersion")).partition("/v")
        rules = str(self.rpc.request("anvil_nodeInfo")["hardFork"])
        return f"{name.capitalize()} {number} (hard fork {rules.lower()})"

    def fund(self, account: Account) -> None:
        """Give an account native coins for gas."""
        self._cheats.set_balance(account.address, BALANCE)

    def build_address(self, account: Account, ahead: int = 0) -> Address:
        """Return the address of a contract that an account creates `ahead` transactions later."""
        nonce = self.rpc.fetch_nonce(account.address) + ahead
        return to_address(keccak(rlp.encode([raw(account.address), nonce]))[12:])

    def create(self, account: Account, creation: str, *args: str | int) -> Address:
        """Create a contract and return its address; `args` are addresses and numbers."""
        address = self.build_address(account)
        words = [int(arg, 16) if isinstance(arg, str) else arg for arg in args]
        data = creation + b"".join(word.to_bytes(WORD, "big") for word in words).hex()
        transaction = {"from": account.address, "data": data, "gas": hex(GAS_LIMIT)}
        self._mine("eth_sendTransaction", [transaction])
        if not self.rpc.fetch_code(address):
            raise NotDone("a contract refused its constructor's arguments")
        return address

    def send(self, account: Account, call: ContractCall) -> int:
        """Send a transaction in a block of its own and return the gas it used.

        Raises Reverted, and NotDone when an id or a fill was skipped: a cheap figure for nothing.
        """
        nonce = self.rpc.fetch_nonce(account.address)
        plan = TransactionPlan(call, CHAIN_ID, nonce, GAS_LIMIT, 0, MAX_FEE)
        signed = sign_plan(plan, account)
        receipt = self._mine("eth_sendRawTransaction", ["0x" + signed.raw.hex()])
        if int(receipt["status"], 16) != 1:
            self.rpc.call(call.to, call.data, sender=account.address)
            raise Reverted(f"{call.description} reverted")
        for log in receipt["logs"]:
            if log["topics"][0] in _SKIPS:
                raise NotDone(f"{call.description} skipped: {log['topics'][1:]} {log['data']}")
        return int(receipt["gasUsed"], 16)

    def simulate(self, account: Account, call: ContractCall, random: bytes) -> int:
        """Return the gas of a transaction in a next block with this `PREVRANDAO`; none is mined.

        Raises Reverted.
        """
        transaction = {
            "from": account.address,
            "to": call.to,
            "data": "0x" + call.data.hex(),
            "gas": hex(GAS_LIMIT),
        }
        overrides = {"prevRandao": "0x" + random.hex(), "time": hex(self.now + 1)}
        block = {"blockOverrides": overrides, "calls": [transaction]}
        [simulated] = self.rpc.request("eth_simulateV1", [{"blockStateCalls": [block]}, "latest"])
        [done] = simulated["calls"]
        if int(done["status"], 16) != 1:
            raise Reverted(f"{call.description} reverted")
        return int(done["gasUsed"], 16)

    def spent_since(self, block: int) -> int:
        """Return the gas that all blocks after one used."""
        numbers = range(block + 1, self.rpc.fetch_block_number() + 1)
        blocks = [self.rpc.request("eth_getBlockByNumber", [hex(n), False]) for n in numbers]
        return sum(int(entry["gasUsed"], 16) for entry in blocks)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Put the chain and its clock back afterwards."""
        snapshot, now = self._cheats.snapshot(), self.now
        try:
            yield
        finally:
            self._cheats.revert(snapshot)
            self.now = now

    def _mine(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        self.now += 1
        self._cheats.set_next_timestamp(self.now)
        sent = self.rpc.request(method, params)
        self._cheats.mine()
        receipt: dict[str, Any] = self.rpc.request("eth_getTransactionReceipt", [sent])
        return receipt

"""Run the bytecode in this process: a hundred times faster than a node, for depth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from boa.environment import Env
from boa.util.abi import Address
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak, to_canonical_address, to_checksum_address

from tests.contracts.driver.abi import Contract, Log, types_of
from tests.contracts.driver.build import ROOT, build
from tests.contracts.driver.chain import Receipt, created_address, reason_of

ACCOUNTS = 12
VARIABLES = {
    "account_word": "_accounts",
    "stake_word": "_stakes",
    "leaving_word": "_leaving",
    "offer_word": "_offers",
    "balanceOf": "balanceOf",
    "peer_word": "_peers",
    "peer_extra_word": "_extras",
    "deal_word": "_deals",
    "owner_of_deal": "owner_of_deal",
    "run_end": "_run_ends",
    "assignment_word": "_assignments",
    "retired": "retired",
    "case_word": "_cases",
    "case_by": "case_by",
    "case_value": "case_value",
    "jury_word": "jury_word",
    "revealed_word": "revealed_word",
    "vote_of": "vote_of",
    "seat_word": "_seats",
    # Of Audits; others compute it.
    "free": "free",
    "burned": "burned",
    "case_count": "case_count",
    "seat_count": "seat_count",
    "taken_seats": "taken_seats",
    "undrawn": "undrawn",
    "counts_word": "_word",
}


def join(deal: int, run: int) -> int:
    """Make the key of the end of a run."""
    return deal << 8 | run


class BoaChain:
    """Titanoboa's EVM, called with plain calldata."""

    def __init__(self, now: int, root: Path = ROOT) -> None:
        self.env, self.root, self.peeks = Env(), root, False
        accounts = [Account.from_key(number.to_bytes(32, "big")) for number in range(1, ACCOUNTS)]
        self.keys = {account.address: bytes(account.key) for account in accounts}
        self.chain_id = self.env.evm.patch.chain_id
        self.travel(now)

    @property
    def now(self) -> int:
        """Time of every call until the next travel."""
        return int(self.env.timestamp)

    @property
    def block(self) -> int:
        """Number of the block of every call until the next travel."""
        return int(self.env.evm.patch.block_number)

    @property
    def deployer(self) -> str:
        """Who deploys, and so owns."""
        return next(iter(self.keys))

    def deploy(self, name: str, *arguments: Any) -> Contract:
        """Compile and deploy."""
        abi, bytecode, slots = build(name, self.root)
        inputs = next((e["inputs"] for e in abi if e["type"] == "constructor"), [])
        address, computation = self.env.deploy(
            sender=self.deployer, bytecode=bytecode + encode(types_of(inputs), arguments)
        )
        if computation.is_error:
            raise ValueError(f"{name}: {reason_of(computation.output)}")
        return Contract(name, to_checksum_address(str(address)), abi, slots)

    def code_at(self, address: str) -> bytes:
        """Return a contract's code as deployed, with its immutables."""
        return bytes(self.env.get_code(Address(address)))

    def next_address(self, ahead: int = 0) -> str:
        """Name the address of a later deployment; 0 is the next."""
        nonce = self.env.evm.vm.state.get_nonce(to_canonical_address(self.deployer))
        return created_address(self.deployer, nonce + ahead)

    def send(
        self, sender: str, contract: Contract, function: str, arguments: tuple[Any, ...]
    ) -> Receipt:
        """Run a call as a transaction of its own."""
        self.env.evm.vm.state.clear_transient_storage()
        data = contract.encode(function, arguments)
        computation = self.env.execute_code(contract.address, sender=sender, data=data)
        if computation.is_error:
            reason = reason_of(computation.output)
            return Receipt(reason=reason, error=Reverted(reason))
        logs = tuple(
            Log(
                to_checksum_address(address),
                tuple(topic.to_bytes(32, "big") for topic in topics),
                data,
            )
            for _, address, topics, data in computation.get_raw_log_entries()
        )
        return Receipt(logs)

    def read(self, calls: Sequence[tuple[Contract, str, tuple[Any, ...]]]) -> list[Any]:
        """Call views; where speed matters more, read the slots that the views would read."""
        return [self._peek(*call) if self.peeks else self._view(*call) for call in calls]

    def _peek(self, contract: Contract, function: str, arguments: tuple[Any, ...]) -> Any:
        variable = VARIABLES.get(function)
        if variable not in contract.handle:
            return self._view(contract, function, arguments)
        slot = contract.handle[variable].to_bytes(32, "big")
        keys = (join(*arguments),) if function == "run_end" else arguments
        for kind, key in zip(contract.inputs(function), keys, strict=False):
            slot = keccak(slot + encode([kind], [key]))
        word = self.env.get_storage(contract.address, int.from_bytes(slot, "big"))
        return contract.decode(function, word.to_bytes(32, "big"))

    def _view(self, contract: Contract, function: str, arguments: tuple[Any, ...]) -> Any:
        computation = self.env.execute_code(
            contract.address, data=contract.encode(function, arguments), is_modifying=False
        )
        if computation.is_error:
            raise Reverted(reason_of(computation.output))
        return contract.decode(function, computation.output)

    def snapshot(self) -> Any:
        """Remember the state, without the clock."""
        return self.env.evm.vm.state.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a state that was remembered."""
        self.env.evm.vm.state.revert(snapshot)

    def travel(self, now: int, blocks: int = 1) -> None:
        """Move the clock."""
        self.env.timestamp = now
        patch = self.env.evm.patch
        patch.block_number += blocks
        patch.prevrandao = keccak(patch.block_number.to_bytes(32, "big"))

    @property
    def randao(self) -> bytes:
        """Randomness of the block of every call until the next travel."""
        return keccak(self.block.to_bytes(32, "big"))


class Reverted(Exception):
    """The call was reverted; the text is its reason."""

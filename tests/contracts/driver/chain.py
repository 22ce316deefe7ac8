"""Say what the tests need of a chain. One runs on Anvil through Ape, one in this process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import rlp
from eth_abi import decode
from eth_utils import keccak, to_canonical_address, to_checksum_address

from tests.contracts.driver.abi import Contract, Log

ERROR = keccak(text="Error(string)")[:4]


@dataclass(frozen=True)
class Receipt:
    """What a transaction left: logs, or the reason of its revert and the error."""

    logs: tuple[Log, ...] = ()
    reason: str | None = None
    error: Exception | None = None


def created_address(deployer: str, nonce: int) -> str:
    """Name the contract that `deployer` creates by its transaction number `nonce`."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(deployer), nonce]))[12:])


def reason_of(output: bytes) -> str:
    """Read the text of a revert."""
    if output[:4] == ERROR:
        return str(decode(["string"], output[4:])[0])
    return "0x" + output.hex()


class Chain(Protocol):
    """A chain whose clock stands still until it is told to move."""

    chain_id: int
    now: int
    block: int  # number of the block that the next transaction is in
    randao: bytes  # randomness of that block
    keys: dict[str, bytes]

    def deploy(self, name: str, *arguments: Any) -> Contract:
        """Deploy one of the project's contracts, or a mock of the tests, by name."""

    def next_address(self, ahead: int = 0) -> str:
        """Name the address of the deployment that is `ahead` of the next one."""

    def send(
        self, sender: str, contract: Contract, function: str, arguments: tuple[Any, ...]
    ) -> Receipt:
        """Send a transaction from one of the keys' accounts."""

    def read(self, calls: Sequence[tuple[Contract, str, tuple[Any, ...]]]) -> list[Any]:
        """Call views, all at the same block."""

    def travel(self, now: int, blocks: int = 1) -> None:
        """Move the clock to a later second, in so many blocks."""

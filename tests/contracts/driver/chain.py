"""Say what the tests need of a chain. One runs on Anvil through Ape, one in this process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import rlp
from eth_utils import keccak, to_canonical_address, to_checksum_address

from tests.contracts.driver.abi import Contract, Log


@dataclass(frozen=True)
class Receipt:
    """What a transaction left: logs, or the reason why it was reverted and the chain's own error."""

    logs: tuple[Log, ...] = ()
    reason: str | None = None
    error: Exception | None = None


def created_address(deployer: str, nonce: int) -> str:
    """Name the contract that `deployer` creates by its transaction number `nonce`."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(deployer), nonce]))[12:])


class Chain(Protocol):
    """A chain whose clock stands still until it is told to move."""

    chain_id: int
    now: int
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

    def travel(self, now: int) -> None:
        """Move the clock to a later second."""

"""What a development node can do and a real chain cannot: mine, travel in time, reorganise."""

from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.units import Address


class Cheats:
    """Control of an Anvil, ours or one that already runs."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def mine(self, blocks: int = 1, interval: int | None = None) -> None:
        """Mine blocks, their timestamps `interval` seconds apart."""
        params = [hex(blocks)] if interval is None else [hex(blocks), hex(interval)]
        self._rpc.request("anvil_mine", params)

    def set_next_timestamp(self, timestamp: int) -> None:
        """Give the next block this timestamp."""
        self._rpc.request("evm_setNextBlockTimestamp", [hex(timestamp)])

    def increase_time(self, seconds: int) -> None:
        """Move the chain's clock forward and mine a block at the new time."""
        self.set_next_timestamp(self._rpc.fetch_head().timestamp + seconds)
        self.mine()

    def reorg(self, depth: int) -> None:
        """Replace the newest `depth` blocks by empty ones of other hashes."""
        self._rpc.request("anvil_reorg", [depth, []])

    def rollback(self, depth: int) -> None:
        """Remove the newest `depth` blocks."""
        self._rpc.request("anvil_rollback", [depth])

    def snapshot(self) -> str:
        """Remember the whole state and return its id."""
        return str(self._rpc.request("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Go back to a snapshot; it can be used once."""
        self._rpc.request("evm_revert", [snapshot])

    def set_balance(self, address: Address, wei: int) -> None:
        """Give an account native coins."""
        self._rpc.request("anvil_setBalance", [address, hex(wei)])

    def set_automine(self, on: bool) -> None:
        """Mine each transaction at once, or only by `mine`."""
        self._rpc.request("evm_setAutomine", [on])

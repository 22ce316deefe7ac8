"""Transactions of many accounts on an Anvil that needs no keys of them, and their gas by kind."""

import time
from collections import Counter
from collections.abc import Iterable

from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.kernel.errors import MarketError, TimedOut
from wasmarket.kernel.units import Address

GAS = hex(20_000_000)
COINS = 10**24
PATIENCE = 120.0
PAUSE = 0.005


class Refused(MarketError):
    """A transaction of the simulation was refused"""


class Crowd:
    """Sends for anybody, without waiting; `settle` waits for all and counts their gas."""

    def __init__(self, anvil: Anvil) -> None:
        self.rpc, self.cheats = anvil.rpc, anvil.cheats
        self.gas: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self._open: list[tuple[str, str]] = []
        self._known: set[Address] = set()
        self.rpc.request("anvil_autoImpersonateAccount", [True])

    def send(self, kind: str, account: Address, call: ContractCall) -> None:
        """Hand a transaction to the node."""
        if account not in self._known:
            self._known.add(account)
            self.cheats.set_balance(account, COINS)
        transaction = {
            "from": account,
            "to": call.to,
            "data": "0x" + call.data.hex(),
            "gas": GAS,
        }
        self._open.append((kind, self.rpc.request("eth_sendTransaction", [transaction])))

    def settle(self) -> None:
        """Wait until all are mined. Raises Refused, TimedOut."""
        for kind, tx in self._open:
            self.count(kind, self._wait(kind, tx))
        self._open = []

    def count(self, kind: str, gas: int) -> None:
        """Count a transaction that was sent by anybody."""
        self.gas[kind] += gas
        self.sent[kind] += 1

    def advance_to(self, second: int) -> None:
        """Mine a block at a time of the chain."""
        self.cheats.set_next_timestamp(second)
        self.cheats.mine()

    def _wait(self, kind: str, tx: str) -> int:
        until = time.monotonic() + PATIENCE
        while (receipt := self.rpc.request("eth_getTransactionReceipt", [tx])) is None:
            if time.monotonic() > until:
                raise TimedOut(f"{kind}: {tx} is not mined")
            time.sleep(PAUSE)
        if receipt["status"] != "0x1":
            raise Refused(f"{kind}: {tx} was refused")
        return int(receipt["gasUsed"], 16)


def batches(ids: Iterable[int], size: int = 64) -> Iterable[list[int]]:
    """Cut numbers into lists of at most `size`, the contracts' limit."""
    listed = list(ids)
    for first in range(0, len(listed), size):
        yield listed[first : first + size]

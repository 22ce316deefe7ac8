"""Where every unit of USDC of a local market is, and whether it adds up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from wasmarket.client.wiring import Wiring
from wasmarket.kernel.billing import share
from wasmarket.kernel.errors import MarketError, TimedOut
from wasmarket.kernel.units import Address, format_usdc

READINGS = 100
ACTIVE, ENDED = 2, 3

Read = TypeVar("Read")


class DoesNotAddUp(MarketError):
    """Money is missing or was made"""

    slug = "does-not-add-up"


@dataclass(frozen=True, slots=True)
class Money:
    """All USDC base units at one block: by account, by deal, put aside, and what Market holds."""

    wallets: Mapping[str, int]
    free: Mapping[str, int]
    deals: Mapping[int, int]
    aside: Mapping[int, int]
    """By assignment: epochs begun but not yet claimed."""
    held: int
    supply: int

    def lines(self) -> dict[str, int]:
        """Return every place that holds money, by a name for people."""
        lines = {f"{name}: wallet": amount for name, amount in self.wallets.items()}
        lines |= {f"{name}: free in Market": amount for name, amount in self.free.items()}
        lines |= {f"deal {deal}: balance": amount for deal, amount in self.deals.items()}
        lines["put aside for epochs begun"] = sum(self.aside.values())
        return lines

    def check(self) -> None:
        """Raise DoesNotAddUp unless Market owes exactly what it holds and no unit is elsewhere."""
        owed = sum(self.free.values()) + sum(self.deals.values()) + sum(self.aside.values())
        if owed != self.held:
            raise DoesNotAddUp(
                f"Market holds {format_usdc(self.held)} and owes {format_usdc(owed)} USDC"
            )
        if (total := sum(self.wallets.values()) + self.held) != self.supply:
            raise DoesNotAddUp(
                f"{format_usdc(total)} of {format_usdc(self.supply)} USDC are accounted for"
            )


def read_money(wiring: Wiring, accounts: Mapping[str, Address]) -> Money:
    """Read where the money is, at one block; `accounts` must name everybody who has any."""
    return read_still(wiring, lambda block: _read_money(wiring, accounts, block))


def read_still(wiring: Wiring, read: Callable[[int], Read]) -> Read:
    """Return what `read` reads at the newest block, read in a moment without another one.

    While Anvil makes a block, what it says of the block before can be of the new one already:
    about one reading in 300 among blocks without a pause. Raises TimedOut.
    """
    for _ in range(READINGS):
        block = wiring.rpc.fetch_head().number
        found = read(block)
        if wiring.rpc.fetch_head().number == block:
            return found
    raise TimedOut(f"there was a new block in each of {READINGS} readings")


def _read_money(wiring: Wiring, accounts: Mapping[str, Address], block: int) -> Money:
    market, lens = wiring.market, wiring.lens
    deals = range(1, lens.read("deal_count", block=block) + 1)
    views = lens.deals(deals, block)
    settled = {deal: view.settled for deal, view in zip(deals, views, strict=True)}
    free = market.accounts(list(accounts.values()), block)
    return Money(
        wallets={name: wiring.usdc.balance(entry, block) for name, entry in accounts.items()},
        free={name: state.free for name, state in zip(accounts, free, strict=True)},
        deals={deal: view.balance for deal, view in zip(deals, views, strict=True)},
        aside=_read_aside(wiring, settled, block),
        held=wiring.usdc.balance(market.address, block),
        supply=wiring.usdc.read("totalSupply", block=block),
    )


def _read_aside(wiring: Wiring, settled: Mapping[int, int], block: int) -> dict[int, int]:
    """Return what is put aside per assignment (CONTRACTS section 5), from words and the lens."""
    ids = range(1, wiring.lens.read("assignment_count", block=block) + 1)
    words = wiring.market.assignments(ids, block)
    views = wiring.lens.assignments(ids, block)
    aside: dict[int, int] = {}
    for number, word, view in zip(ids, words, views, strict=True):
        if word.state not in (ACTIVE, ENDED):
            continue
        epochs = min(settled[word.deal], view.end_of) - word.next + 1
        if epochs > 0:
            rate = word.price * word.units
            aside[number] = rate * (epochs - 1) + share(rate, word.skipped)
    return aside

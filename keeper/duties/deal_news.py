"""What happened to deals, as the matcher's events tell it, and what of it people should know."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keeper.notices import Announcement, Urgency
from wasmarket.kernel.units import format_usdc

LOOK_BACK: Final = 64
"""Blocks before the last look of all that the next one sees again: a reorg may put an event into
one that was seen."""


@dataclass(frozen=True, slots=True)
class DealNews:
    """An event about a deal.

    `evicted`: the assignment that a peer lost by eviction; `refunded`: USDC base units of unproven
    epochs that went back to the developer; `is_new`: the deal was just made; `is_harmless`: no deal
    is short by it that was not.
    """

    deal: int
    block: int
    tx: str
    evicted: int | None = None
    peer: int | None = None
    refunded: int = 0
    is_new: bool = False
    is_harmless: bool = False


def find_announcements(news: Sequence[DealNews]) -> list[Announcement]:
    """Return what to say, oldest first: each eviction, and refunds by deal and transaction."""
    said = []
    refunded: dict[tuple[int, str], int] = defaultdict(int)
    for one in news:
        refunded[one.deal, one.tx] += one.refunded
    for one in news:
        if one.evicted is not None:
            text = (
                f"peer {one.peer} was evicted from deal {one.deal} (assignment {one.evicted},"
                f" transaction {one.tx}): it missed epochs, and its units are gone"
            )
            about = f"evicted:{one.evicted}"
            said.append(Announcement(about, True, Urgency.WARNING, text, one.deal, one.peer))
        amount = refunded.pop((one.deal, one.tx), 0)
        if amount:
            text = (
                f"{format_usdc(amount)} USDC of epochs that nobody proved went back from deal"
                f" {one.deal} to your free balance (transaction {one.tx})"
            )
            about = f"refunded:{one.deal}:{one.tx}"
            said.append(Announcement(about, True, Urgency.INFO, text, one.deal))
    return said

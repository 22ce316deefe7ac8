"""Keep deals funded: below its floor a deal gets what leads to its target, within a limit.

Which deals an account has the matcher knows; what they hold the chain says, before money moves.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from keeper.book import KeeperBook, month_of
from keeper.notices import Announcement, Notices, Urgency
from keeper.policy import DAY, RunwayRule
from wasmarket.chain.contracts.views import OnchainDeal
from wasmarket.kernel.errors import MarketError, Refused
from wasmarket.kernel.units import format_usdc

logger = logging.getLogger(__name__)

RUNNING, LAPSED = 2, 3
"""`OnchainDeal.status`: epochs are paid; they are not, for the balance did not cover one."""
OVER = (0, 4, 5)
"""Unknown, stopping, ended."""


@dataclass(frozen=True, slots=True)
class Now:
    """The chain's time and epoch."""

    timestamp: int
    epoch: int


class Funder(Protocol):
    """One developer's account. Raises errors of `kernel.errors`."""

    def deals(self) -> dict[int, bool]:
        """Return the account's deals that are not over, and whether each is metered."""

    def read(self, deals: Sequence[int]) -> list[OnchainDeal]:
        """Return what the chain says of deals, settled."""

    def available(self, source: str) -> int:
        """Return the USDC base units that `free` or `wallet` holds."""

    def is_busy(self) -> bool:
        """Say whether a transaction of the account waits to be mined."""

    def top_up(self, deal: int, amount: int) -> None:
        """Put USDC into a deal, from the free balance first, then from the wallet."""

    def open_checkout(self, deal: int, amount: int) -> str:
        """Open a purchase by card that tops up a deal; return the page to pay at."""


class Runways:
    """All rules of runways; one turn looks at every deal once."""

    def __init__(
        self,
        rules: Sequence[RunwayRule],
        funders: Mapping[str, Funder],
        book: KeeperBook,
        notices: Notices,
        read_now: Callable[[], Now],
        *,
        epoch_seconds: int,
        days: Sequence[int],
    ) -> None:
        """`funders` by the rules' keys; `days` of runway before which a notice comes."""
        self._rules = rules
        self._funders = funders
        self._book = book
        self._notices = notices
        self._read_now = read_now
        self._epoch_seconds = epoch_seconds
        self._days = days
        self.obstacles: list[str] = []
        """Why deals below their floor did not get what they should, in the last turn."""

    def step(self) -> None:
        """Look at all deals. Raises what reading the chain does."""
        now = self._read_now()
        self.obstacles = []
        for rule in self._rules:
            funder = self._funders[rule.key]
            busy = funder.is_busy()
            if not busy:
                # Whatever was on its way has been mined or is lost: the balances say.
                for deal in self._book.unfinished():
                    self._book.end(deal, moved=True, why="not seen to end")
            known = funder.deals()
            for deal in rule.deals:
                if deal not in known:
                    self.obstacles.append(f"deal {deal} is over, or of another account")
            deals = [deal for deal in rule.deals or known if deal in known]
            for deal, state in zip(deals, funder.read(deals), strict=True):
                wanted = 0 if busy else find_wanted(rule, state, is_metered=known[deal])
                if wanted and self._fund(rule, funder, deal, wanted, max(1, state.rate), now):
                    self._warn(deal, funder.read([deal])[0], now)
                else:
                    self._warn(deal, state, now)

    def _fund(
        self, rule: RunwayRule, funder: Funder, deal: int, wanted: int, least: int, now: Now
    ) -> bool:
        """Move money into a deal; return whether it did. What keeps it from that is said.

        Less than `least`, what an epoch costs, is not worth a transaction.
        """
        month = month_of(now.timestamp)
        name = f"{rule.key}:{','.join(map(str, rule.deals)) or 'all'}"
        left = rule.most_per_month - self._book.spent(name, month)
        amount = min(wanted, left)
        if amount < least:
            self._tell(
                deal, f"its limit of {format_usdc(rule.most_per_month)} USDC for {month} is spent"
            )
            return False
        held = sum(funder.available(source) for source in rule.sources if source != "card")
        if held < least:
            return self._buy(rule, funder, deal, amount, held, month)
        amount = min(amount, held)
        self._book.begin(deal, name, month, amount, "account")
        try:
            funder.top_up(deal, amount)
        except Refused as error:
            self._book.end(deal, moved=False, why=error.detail)
            self._tell(deal, error.detail)
            return False
        except MarketError as error:
            # Nobody knows whether it is mined: it counts as moved until the balances say.
            self._book.note("unknown", deal=deal, why=error.detail)
            self._tell(deal, error.detail)
            return False
        self._book.end(deal, moved=True)
        self._notices.withdraw(f"unfunded:{deal}")
        text = f"deal {deal} was topped up by {format_usdc(amount)} USDC"
        about = f"funded:{deal}"
        self._notices.say(Announcement(about, now.timestamp, Urgency.INFO, text, deal=deal))
        if amount < wanted:
            self._tell(deal, f"{format_usdc(wanted - amount)} USDC are missing to its target")
        return True

    def _buy(
        self, rule: RunwayRule, funder: Funder, deal: int, amount: int, held: int, month: str
    ) -> bool:
        if "card" not in rule.sources:
            there = f"{format_usdc(held)} USDC are there, less than an epoch costs"
            has = there if held else "the account has no USDC"
            self._tell(deal, f"{has}; {format_usdc(amount)} are needed")
            return False
        about = f"checkout:{deal}"
        if self._book.was_told(about, month):
            self._tell(deal, "a checkout waits to be paid")
            return False
        page = funder.open_checkout(deal, amount)
        text = f"deal {deal} needs {format_usdc(amount)} USDC: pay by card at {page}"
        self._notices.say(Announcement(about, month, Urgency.ALARM, text, deal=deal))
        return False

    def _tell(self, deal: int, why: str) -> None:
        """Say once why a deal does not get what it should."""
        self.obstacles.append(f"deal {deal}: {why}")
        text = f"deal {deal} is not topped up: {why}"
        self._notices.say(Announcement(f"unfunded:{deal}", why, Urgency.ALARM, text, deal=deal))

    def _warn(self, deal: int, state: OnchainDeal, now: Now) -> None:
        """Say how long a deal lasts, once for each threshold that it falls below."""
        about = f"runway:{deal}"
        if state.status == LAPSED:
            text = f"deal {deal} has lapsed: its balance pays for no further epoch"
            self._notices.say(Announcement(about, "lapsed", Urgency.ALARM, text, deal=deal))
            return
        if state.stopped or state.status != RUNNING or not state.rate:
            self._notices.withdraw(about)
            return
        seconds = state.runway * self._epoch_seconds
        under = [days for days in self._days if seconds < days * DAY]
        if not under:
            self._notices.withdraw(about)
            return
        value = 0 if not state.runway else min(under)
        last = "it pays for no epoch after this one" if not state.runway else ""
        text = f"deal {deal} lasts {write_seconds(seconds)} more{f': {last}' if last else ''}"
        level = Urgency.ALARM if value in (0, min(self._days)) else Urgency.WARNING
        self._notices.say(Announcement(about, value, level, text, deal=deal))


def find_wanted(rule: RunwayRule, state: OnchainDeal, *, is_metered: bool) -> int:
    """Return what a deal should get, USDC base units; 0: it is above its floor, or ending."""
    if state.stopped or state.status in OVER:
        return 0
    if is_metered:
        short = rule.floor_balance and state.balance < rule.floor_balance
        return rule.target_balance - state.balance if short else 0
    if state.rate and rule.floor_epochs and state.runway < rule.floor_epochs:
        return (rule.target_epochs - state.runway) * state.rate
    return 0


def write_seconds(seconds: int) -> str:
    """Write a length of time for people, rounded down."""
    for size, unit in ((DAY, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"

"""Move money into a deal that is short: from the account, then by card; once, within the limit."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from keeper.book import KeeperBook, day_of, month_of
from keeper.duties.deal_news import DealNews
from keeper.notices import Announcement, Notices, Urgency
from keeper.policy import RunwayRule
from wasmarket.chain.contracts.views import OnchainDeal
from wasmarket.kernel.errors import (
    BrokenOff,
    InvalidInput,
    MarketError,
    NotFound,
    Refused,
    TimedOut,
    Unreachable,
)
from wasmarket.kernel.units import format_usdc

CARD = "card"
UNKNOWN = (Unreachable, TimedOut, BrokenOff)
"""After these nobody knows whether what was asked for happens."""


@dataclass(frozen=True, slots=True)
class ListedDeal:
    """A deal as the matcher's index has it; the chain may know more."""

    is_metered: bool
    state: OnchainDeal


class ChargeState(StrEnum):
    """MOVED: the money is in the deal. FAILED: it never will be. OPEN: it is on its way. SMALL: it
    is less than the gateway sells."""

    MOVED = "moved"
    FAILED = "failed"
    OPEN = "open"
    SMALL = "small"


@dataclass(frozen=True, slots=True)
class CardCharge:
    """What became of a charge of a saved card: USDC base units, and why it failed."""

    state: ChargeState
    amount: int
    why: str = ""


class Funder(Protocol):
    """One developer's account. Raises errors of `kernel.errors`."""

    def deals(self) -> dict[int, ListedDeal]:
        """Return the account's deals that are not over."""

    def news(self, behind: int | None) -> tuple[list[DealNews], int]:
        """Return what happened to anybody's deals after block `behind`, oldest first, and up to
        which block it was looked at; nothing where `behind` is None."""

    def read(self, deals: Sequence[int]) -> list[OnchainDeal]:
        """Return what the chain says of deals, settled."""

    def available(self, sources: Sequence[str]) -> int:
        """Return the USDC base units that `free` and `wallet`, or one of them, hold."""

    def is_busy(self) -> bool:
        """Say whether a transaction of the account waits to be mined."""

    def top_up(self, deal: int, amount: int) -> None:
        """Put USDC into a deal, from the free balance first, then from the wallet."""

    def charge_card(self, deal: int, amount: int, key: str) -> CardCharge:
        """Charge the account's saved card for at most so much USDC, once a `key`.

        Raises NotFound if no card is saved, InvalidInput if the gateway sells no less than more,
        Refused if it may not be charged for that, and as UNKNOWN.
        """

    def open_checkout(self, deal: int, amount: int) -> str:
        """Open a purchase by card that tops up a deal; return the page to pay at."""


class RuleMoney:
    """What a rule may use without a card: asked for once a turn, and again after some was used."""

    def __init__(self, rule: RunwayRule, funder: Funder) -> None:
        self._funder = funder
        self._sources = [source for source in rule.sources if source != CARD]
        self._held: int | None = None

    def read(self) -> int:
        """Return USDC base units. Raises as the funder."""
        if self._held is None:
            self._held = self._funder.available(self._sources) if self._sources else 0
        return self._held

    def forget(self) -> None:
        """Ask again next time."""
        self._held = None


@dataclass(slots=True)
class ShortDeal:
    """A deal that should get `wanted`, at least `least` (what an epoch costs); USDC base units.

    `reasons` collects why it did not; `lacks_money`: it will not before there is more.
    """

    rule: RunwayRule
    funder: Funder
    money: RuleMoney
    deal: int
    wanted: int
    least: int
    timestamp: int
    reasons: list[str] = field(default_factory=list)
    lacks_money: bool = False


class DealFunding:
    """Moves money by the rules, and says so."""

    def __init__(self, book: KeeperBook, notices: Notices) -> None:
        self._book = book
        self._notices = notices

    def fund(self, short: ShortDeal) -> bool:
        """Move money into a deal; return whether it did. What keeps it from that is said."""
        rule, month = short.rule, month_of(short.timestamp)
        left = rule.most_per_month - self._book.spent(name_of(rule), month)
        amount = min(short.wanted, left)
        if amount < short.least:
            limit = format_usdc(rule.most_per_month)
            short.lacks_money = True
            self._tell(short, f"its limit of {limit} USDC for {month} is spent")
            return False
        held = short.money.read()
        if held < short.least:
            return self._use_card(short, amount, held)
        return self._top_up(short, min(amount, held))

    def settle(
        self, rule: RunwayRule, funder: Funder, money: RuleMoney, timestamp: int
    ) -> set[int]:
        """Ask what became of charges that were begun; return the deals whose are on their way."""
        waiting = set()
        for deal in self._book.unfinished():
            line = self._book.begun(deal)
            if line["source"] == CARD and line["rule"] == name_of(rule):
                amount = int(line["amount"])
                short = ShortDeal(rule, funder, money, deal, amount, 0, timestamp)
                if self._charge(short, amount, line["key"]) is ChargeState.OPEN:
                    waiting.add(deal)
        return waiting

    def _top_up(self, short: ShortDeal, amount: int) -> bool:
        deal, month = short.deal, month_of(short.timestamp)
        self._book.begin(deal, name_of(short.rule), month, amount, "account")
        short.money.forget()
        try:
            short.funder.top_up(deal, amount)
        except Refused as error:
            self._book.end(deal, moved=False, why=error.detail)
            self._tell(short, error.detail)
            return False
        except MarketError as error:
            # Nobody knows whether it is mined: it counts as moved until the balances say.
            self._book.note("unknown", deal=deal, why=error.detail)
            self._tell(short, error.detail)
            return False
        self._book.end(deal, moved=True)
        self._say_funded(short, amount, "")
        return True

    def _use_card(self, short: ShortDeal, amount: int, held: int) -> bool:
        if CARD not in short.rule.sources:
            short.lacks_money = True
            there = f"{format_usdc(held)} USDC are there, less than an epoch costs"
            has = there if held else "the account has no USDC"
            self._tell(short, f"{has}; {format_usdc(amount)} are needed")
            return False
        if self._book.was_told(f"small:{short.deal}", day_of(short.timestamp)):
            self._tell_small(short, amount)
            return False
        # A card that was declined is not asked again on the same day.
        if not self._book.was_told(f"declined:{short.deal}", day_of(short.timestamp)):
            key = secrets.token_hex(16)
            month = month_of(short.timestamp)
            self._book.begin(short.deal, name_of(short.rule), month, amount, CARD, key)
            state = self._charge(short, amount, key)
            if state is not ChargeState.FAILED:
                return state is ChargeState.MOVED
        return self._open_checkout(short, amount)

    def _charge(self, short: ShortDeal, amount: int, key: str) -> ChargeState:
        """Charge the saved card, or find out what became of it."""
        deal = short.deal
        try:
            charge = short.funder.charge_card(deal, amount, key)
        except UNKNOWN as error:
            short.reasons.append(f"deal {deal}: {error.detail}")
            return ChargeState.OPEN
        except InvalidInput as error:
            self._book.end(deal, moved=False, why=error.detail)
            self._book.tell(f"small:{deal}", day_of(short.timestamp))
            self._tell_small(short, amount)
            return ChargeState.SMALL
        except MarketError as error:
            self._book.end(deal, moved=False, why=error.detail)
            if not isinstance(error, NotFound):
                self._say_declined(short, key, error.detail)
            return ChargeState.FAILED
        if charge.state is ChargeState.OPEN:
            short.reasons.append(f"deal {deal}: a charge of the card is on its way")
        elif charge.state is ChargeState.MOVED:
            self._book.end(deal, moved=True, amount=charge.amount)
            self._say_funded(short, charge.amount, " by card")
        else:
            self._book.end(deal, moved=False, why=charge.why)
            self._say_declined(short, key, charge.why)
        return charge.state

    def _open_checkout(self, short: ShortDeal, amount: int) -> bool:
        short.lacks_money = True
        about, month = f"checkout:{short.deal}", month_of(short.timestamp)
        if self._book.was_told(about, month):
            self._tell(short, "a checkout waits to be paid")
            return False
        page = short.funder.open_checkout(short.deal, amount)
        text = f"deal {short.deal} needs {format_usdc(amount)} USDC: pay by card at {page}"
        self._notices.say(Announcement(about, month, Urgency.ALARM, text, deal=short.deal))
        self._tell(short, "a checkout waits to be paid")
        return False

    def _say_funded(self, short: ShortDeal, amount: int, how: str) -> None:
        deal = short.deal
        self._notices.withdraw(f"unfunded:{deal}")
        text = f"deal {deal} was topped up{how} by {format_usdc(amount)} USDC"
        about = f"funded:{deal}"
        self._notices.say(Announcement(about, short.timestamp, Urgency.INFO, text, deal=deal))
        if amount < short.wanted:
            short.lacks_money = True
            missing = format_usdc(short.wanted - amount)
            self._tell(short, f"{missing} USDC are missing to its target")

    def _tell_small(self, short: ShortDeal, amount: int) -> None:
        short.lacks_money = True
        self._tell(short, f"{format_usdc(amount)} USDC are left for it, less than is sold by card")

    def _say_declined(self, short: ShortDeal, key: str, why: str) -> None:
        self._book.tell(f"declined:{short.deal}", day_of(short.timestamp))
        text = f"the card was not charged for deal {short.deal}: {why}"
        about = f"charge:{short.deal}"
        self._notices.say(Announcement(about, key, Urgency.ALARM, text, deal=short.deal))

    def _tell(self, short: ShortDeal, why: str) -> None:
        """Say once why a deal does not get what it should."""
        deal = short.deal
        short.reasons.append(f"deal {deal}: {why}")
        text = f"deal {deal} is not topped up: {why}"
        self._notices.say(Announcement(f"unfunded:{deal}", why, Urgency.ALARM, text, deal=deal))


def name_of(rule: RunwayRule) -> str:
    """Return what the journal calls a rule: limits hold while its account and deals stay."""
    return f"{rule.key}:{','.join(map(str, rule.deals)) or 'all'}"

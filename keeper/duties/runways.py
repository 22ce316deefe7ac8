"""Keep deals funded: below its floor a deal gets what leads to its target, within a limit.

Which deals an account has, and what happened to them, the matcher knows; of those that are short,
or of which something is to be said, the chain is asked before money moves. All deals are looked at
once an epoch, since only epochs use them up; in between those that something happened to by which
they may be short. A turn in which nothing did asks the matcher one question, and the chain none but
every so often, whether there is money for what lacks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from keeper.book import KeeperBook
from keeper.clock import Now
from keeper.duties.deal_news import LOOK_BACK, find_announcements
from keeper.duties.funding import (
    CARD,
    DealFunding,
    Funder,
    ListedDeal,
    RuleMoney,
    ShortDeal,
    name_of,
)
from keeper.notices import Announcement, Notices, Urgency
from keeper.policy import DAY, RunwayRule
from wasmarket.chain.contracts.views import OnchainDeal

RUNNING, LAPSED = 2, 3
"""`OnchainDeal.status`: epochs are paid; they are not, for the balance did not cover one."""
OVER = (0, 4, 5)
"""Unknown, stopping, ended."""
LAPSED_VALUE = "lapsed"
BEHIND = -1
"""No epoch: all deals are to be looked at."""
MOST_RETRIED = 64
"""Deals that are short and may be funded now are looked at again each turn, so many at most."""


class Clock(Protocol):
    """The chain's time."""

    def look(self) -> Now:
        """Return the last reading, or a new one where an epoch may have begun since."""

    def refresh(self) -> Now:
        """Return a new reading."""


@dataclass
class _Watch:
    """What is known for one rule: its deals, and since which epoch."""

    epoch: int = BEHIND
    indexed: int = BEHIND
    """The epoch of the index when all deals were read last."""
    known: dict[int, ListedDeal] = field(default_factory=dict)
    short: dict[int, ShortDeal] = field(default_factory=dict)
    """Deals that did not get what they should."""
    held: int = 0
    """USDC base units that there were at the last look."""
    held_at: int = 0
    """The chain's time of that look."""
    has_more: bool = False
    """Whether there were more since, and not all deals had a turn."""
    gone: list[str] = field(default_factory=list)
    seen_to: int | None = None
    looked_to: int | None = None
    """Up to which block everything was looked at, last time that all was."""


class Runways:
    """All rules of runways; each turn looks at the deals that may have changed."""

    def __init__(
        self,
        rules: Sequence[RunwayRule],
        funders: Mapping[str, Funder],
        book: KeeperBook,
        notices: Notices,
        clock: Clock,
        *,
        epoch_seconds: int,
        days: Sequence[int],
    ) -> None:
        """`funders` by the rules' keys; `days` of runway before which a notice comes."""
        self._rules = rules
        self._funders = funders
        self._book = book
        self._notices = notices
        self._funding = DealFunding(book, notices)
        self._clock = clock
        self._epoch_seconds = epoch_seconds
        self._days = days
        self._watches = [_Watch() for _ in rules]

    @property
    def obstacles(self) -> list[str]:
        """Why deals below their floor did not get what they should."""
        return [
            text
            for watch in self._watches
            for texts in (watch.gone, *(short.reasons for short in watch.short.values()))
            for text in texts
        ]

    def step(self) -> None:
        """Look at what may have changed. Raises what reading matcher and chain does."""
        now = self._clock.look()
        for rule, watch in zip(self._rules, self._watches, strict=True):
            self._look(rule, watch, self._funders[rule.key], now)

    def _look(self, rule: RunwayRule, watch: _Watch, funder: Funder, now: Now) -> None:
        begun = set(self._book.unfinished())
        money = RuleMoney(rule, funder)
        changed = self._hear(rule, watch, funder, is_begin=watch.epoch != now.epoch)
        if watch.epoch != now.epoch or changed is None:
            watch.known = self._read_known(rule, watch, funder)
            settled = (k.state.settled for k in watch.known.values() if k.state.status == RUNNING)
            watch.indexed = max(settled, default=now.epoch)
            chosen = [
                deal
                for deal, known in watch.known.items()
                if deal in rule.deals or self._is_noteworthy(rule, deal, known)
            ]
            watch.short.clear()
        else:
            again = self._find_retried(watch, money, now)
            chosen = sorted((changed | begun | again) & watch.known.keys())
        if chosen or begun:
            self._act(rule, watch, money, chosen)
        # An index that has not come to this epoch yet is asked again.
        watch.epoch = now.epoch if watch.indexed >= now.epoch else BEHIND

    def _find_retried(self, watch: _Watch, money: RuleMoney, now: Now) -> set[int]:
        """Return the deals that are short and may get something now."""
        short = list(watch.short.values())
        if any(one.lacks_money for one in short):
            if now.timestamp != watch.held_at:
                # Money comes with blocks: of one that was seen nobody need ask again.
                held, watch.held_at = money.read(), now.timestamp
                watch.has_more = held > watch.held or watch.has_more
                watch.held = held
            if not watch.has_more:
                short = [one for one in short if not one.lacks_money]
            # Those that are too many for one turn come in the next.
            watch.has_more = len(short) > MOST_RETRIED
        return set(sorted(one.deal for one in short)[:MOST_RETRIED])

    def _act(
        self, rule: RunwayRule, watch: _Watch, money: RuleMoney, chosen: Sequence[int]
    ) -> None:
        funder, timestamp = self._funders[rule.key], self._clock.refresh().timestamp
        charged = self._funding.settle(rule, funder, money, timestamp)
        busy = funder.is_busy()
        if not busy:
            # Whatever was on its way has been mined or is lost: the balances say.
            for deal in self._book.unfinished():
                if self._book.begun(deal)["source"] != CARD:
                    self._book.end(deal, moved=True, why="not seen to end")
        for deal, state in zip(chosen, funder.read(chosen), strict=True):
            is_metered = watch.known[deal].is_metered
            wanted = find_wanted(rule, state, is_metered=is_metered)
            least = max(1, state.rate)
            short = ShortDeal(rule, funder, money, deal, wanted, least, timestamp)
            after = state
            if wanted and deal in charged:
                short.reasons.append(f"deal {deal}: a charge of the card is on its way")
            elif wanted and busy:
                short.reasons.append(f"deal {deal}: a transaction of the account is on its way")
            elif wanted and self._funding.fund(short):
                after = funder.read([deal])[0]
            self._warn(deal, after, is_metered=is_metered)
            watch.short.pop(deal, None)
            if short.reasons:
                watch.short[deal] = short

    def _hear(
        self, rule: RunwayRule, watch: _Watch, funder: Funder, *, is_begin: bool
    ) -> set[int] | None:
        """Say what happened to the account's deals; return which may be short by it, None: there
        are new ones.

        What happened while no keeper ran is said as well; once an epoch, when it begins, what a
        reorg may have put into blocks that were seen.
        """
        known_to = self._book.seen(name_of(rule))
        behind = known_to if watch.seen_to is None else watch.seen_to
        if is_begin and behind is not None:
            behind = (watch.looked_to or behind) - LOOK_BACK
        news, block = funder.news(behind)
        if is_begin:
            watch.looked_to = block
        if watch.seen_to is None:
            watch.known = self._read_known(rule, watch, funder)
        ours = [one for one in news if one.deal in watch.known or one.is_new]
        for notice in find_announcements(ours):
            self._notices.say(notice)
        if is_begin or ours or known_to is None:
            # Blocks in which nothing happened may be looked at twice.
            self._book.see(name_of(rule), block)
        fresh = [one for one in ours if watch.seen_to is None or one.block > watch.seen_to]
        watch.seen_to = block
        if any(one.is_new for one in fresh):
            return None
        return {one.deal for one in fresh if not one.is_harmless}

    def _read_known(self, rule: RunwayRule, watch: _Watch, funder: Funder) -> dict[int, ListedDeal]:
        known = funder.deals()
        watch.gone = [
            f"deal {deal} is over, or of another account"
            for deal in rule.deals
            if deal not in known
        ]
        return {deal: known[deal] for deal in rule.deals or known if deal in known}

    def _is_noteworthy(self, rule: RunwayRule, deal: int, known: ListedDeal) -> bool:
        """Say whether a deal is short, or something else is to be said of it than before."""
        if find_wanted(rule, known.state, is_metered=known.is_metered):
            return True
        found = self._find_threshold(known.is_metered, known.state)
        return not self._book.was_told(f"runway:{deal}", found)

    def _find_threshold(self, is_metered: bool, state: OnchainDeal) -> int | str | None:
        return find_threshold(state, self._days, self._epoch_seconds, is_metered=is_metered)

    def _warn(self, deal: int, state: OnchainDeal, *, is_metered: bool) -> None:
        """Say how long a deal lasts, once for each threshold that it falls below."""
        about = f"runway:{deal}"
        value = self._find_threshold(is_metered, state)
        if value is None:
            self._notices.withdraw(about)
            return
        level = Urgency.ALARM
        if value == LAPSED_VALUE:
            text = f"deal {deal} has lapsed: its balance pays for no further epoch"
        elif not value:
            last = "no further work" if is_metered else "no epoch after this one"
            text = f"deal {deal} is empty: it pays for {last}"
        else:
            text = f"deal {deal} lasts {write_seconds(state.runway * self._epoch_seconds)} more"
            level = Urgency.ALARM if value == min(self._days) else Urgency.WARNING
        self._notices.say(Announcement(about, value, level, text, deal=deal))


def find_threshold(
    state: OnchainDeal, days: Sequence[int], epoch_seconds: int, *, is_metered: bool
) -> int | str | None:
    """Return below how many of `days` a deal's runway is, 0: empty; None: nothing is to be said."""
    if state.status == LAPSED:
        return LAPSED_VALUE
    if state.stopped or state.status != RUNNING:
        return None
    if is_metered:
        return None if state.balance else 0
    if not state.rate:
        return None
    if not state.runway:
        return 0
    seconds = state.runway * epoch_seconds
    return min((count for count in days if seconds < count * DAY), default=None)


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

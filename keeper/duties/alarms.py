"""Watch a provider's peers: commits, readiness, gas, units that nobody takes, prices."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from keeper.notices import Announcement, Notices, Urgency
from keeper.policy import AlarmRule
from wasmarket.kernel.units import format_usdc

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchedPeer:
    """A peer as matcher, chain and its own endpoint show it.

    `missed`: epochs in a row, up to the last final one, that it served and did not commit.
    `ask`: its cheapest live offer, USDC base units an epoch; None without one.
    """

    peer: int
    free: int
    used: int
    missed: int
    problem: str
    """Why it is not ready; empty if it is."""
    wallet: str
    gas: int
    ask: int | None
    median: int | None
    """What half of the units of the same region are asked for at most."""


class Watched(Protocol):
    """One provider's peers. Raises errors of `kernel.errors`."""

    def look(self) -> list[WatchedPeer]:
        """Return all peers with units."""

    def own_gas(self) -> int:
        """Return the wei of the provider's account."""


class Alarms:
    """All rules of alarms; each is said once, and again after it was over."""

    def __init__(
        self, rules: Sequence[AlarmRule], watched: Mapping[str, Watched], notices: Notices
    ) -> None:
        """`watched` by the rules' keys."""
        self._rules = rules
        self._watched = watched
        self._notices = notices
        self._idle_since: dict[int, int] = {}

    def step(self, epoch: int) -> None:
        """Look at all peers."""
        for rule in self._rules:
            watched = self._watched[rule.key]
            for peer in watched.look():
                self._check(rule, peer, epoch)
            gas = watched.own_gas()
            name = f"the account {rule.key or 'of the provider'}"
            self._set(f"gas:{rule.key}", gas < rule.least_gas, f"{name} has {gas} wei for gas left")

    def _check(self, rule: AlarmRule, peer: WatchedPeer, epoch: int) -> None:
        number, name = peer.peer, f"peer {peer.peer}"
        missed = rule.missed_epochs and peer.missed >= rule.missed_epochs
        self._set(
            f"missed:{number}",
            bool(missed),
            f"{name} has not committed {peer.missed} epochs: they are not paid",
            number,
        )
        self._set(
            f"unready:{number}", bool(peer.problem), f"{name} is not ready: {peer.problem}", number
        )
        low = peer.gas < rule.least_gas
        text = f"{name}: its wallet {peer.wallet} has {peer.gas} wei for gas left"
        self._set(f"gas:{number}", low, text, number)
        if peer.used or not peer.free:
            self._idle_since.pop(number, None)
        else:
            self._idle_since.setdefault(number, epoch)
        idle = epoch - self._idle_since.get(number, epoch)
        text = f"{name} has {peer.free} units free and none taken for {idle} epochs"
        self._set(
            f"idle:{number}", bool(rule.idle_epochs and idle >= rule.idle_epochs), text, number
        )
        self._check_price(rule, peer)

    def _check_price(self, rule: AlarmRule, peer: WatchedPeer) -> None:
        about = f"price:{peer.peer}"
        if not rule.price_percent or peer.ask is None or not peer.median:
            self._notices.withdraw(about)
            return
        high = peer.ask * 100 > peer.median * (100 + rule.price_percent)
        low = peer.ask * 100 < peer.median * max(100 - rule.price_percent, 0)
        text = (
            f"peer {peer.peer} asks {format_usdc(peer.ask)} USDC, {'above' if high else 'below'}"
            f" the market's {format_usdc(peer.median)} by more than {rule.price_percent} %"
        )
        self._set(about, high or low, text, peer.peer)

    def _set(self, about: str, holds: bool, text: str, peer: int | None = None) -> None:
        if holds:
            # The text has numbers that change each turn: what is told once is that it holds.
            self._notices.say(Announcement(about, True, Urgency.ALARM, text, peer=peer))
        else:
            self._notices.withdraw(about)

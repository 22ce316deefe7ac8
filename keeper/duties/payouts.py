"""Claim what peers have earned when it is worth its gas, at a gas price that the rule names."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from keeper.book import KeeperBook
from keeper.notices import Announcement, Notices, Urgency
from keeper.policy import PayoutRule, cost_in_usdc
from wasmarket.client.earnings import ClaimResult, Due
from wasmarket.kernel.units import format_usdc

logger = logging.getLogger(__name__)

BASE_GAS, GAS_EACH = 45_000, 25_000
"""Of a claim, and of each assignment in it (bench/results/gas.json, rounded up)."""


class Claimer(Protocol):
    """One provider's account. Raises errors of `kernel.errors`."""

    def find_due(self) -> Iterable[Due]:
        """Yield what its assignments would pay now."""

    def claim(self, assignments: Sequence[int], *, withdraw: bool) -> ClaimResult:
        """Claim them."""


class PayoutDuty:
    """All rules of payouts; one turn a final epoch is enough."""

    def __init__(
        self,
        rules: Sequence[PayoutRule],
        claimers: Mapping[str, Claimer],
        book: KeeperBook,
        notices: Notices,
        read_epoch: Callable[[], int],
        read_gas_price: Callable[[], int],
    ) -> None:
        """`claimers` by the rules' keys."""
        self._rules = rules
        self._claimers = claimers
        self._book = book
        self._notices = notices
        self._read_epoch = read_epoch
        self._read_gas_price = read_gas_price
        self._done = -1
        self.waiting: dict[str, str] = {}
        """By key why what is due is not claimed yet."""

    def step(self) -> None:
        """Claim what is worth it, once an epoch, and again in the next turn what waits for gas."""
        epoch = self._read_epoch()
        if epoch == self._done and not self.waiting:
            return
        gas_price = self._read_gas_price()
        for rule in self._rules:
            self._claim(rule, gas_price)
        self._done = epoch

    def _claim(self, rule: PayoutRule, gas_price: int) -> None:
        claimer = self._claimers[rule.key]
        due = list(claimer.find_due())
        worth = sum(entry.paid for entry in due)
        self.waiting.pop(rule.key, None)
        if not due or worth < rule.at_least:
            return
        if rule.most_gas_price and gas_price > rule.most_gas_price:
            self.waiting[rule.key] = (
                f"{format_usdc(worth)} USDC wait: gas costs {gas_price} wei,"
                f" at most {rule.most_gas_price} are paid"
            )
            return
        # The dearest first: those that are not worth their own gas are left for later.
        each = cost_in_usdc(GAS_EACH, gas_price, rule.usdc_per_coin) * rule.times_gas
        chosen = [entry for entry in due if entry.paid >= each and entry.paid > 0]
        gas = BASE_GAS + GAS_EACH * len(chosen)
        cost = cost_in_usdc(gas, gas_price, rule.usdc_per_coin)
        worth = sum(entry.paid for entry in chosen)
        if not chosen or worth < max(rule.at_least, cost * rule.times_gas):
            return
        result = claimer.claim([entry.assignment for entry in chosen], withdraw=rule.withdraws)
        self._book.note(
            "claimed",
            key=rule.key,
            paid=result.paid,
            refunded=result.refunded,
            assignments=[event.assignment for event in result.claimed],
        )
        text = f"{format_usdc(result.paid)} USDC claimed for {len(result.claimed)} assignments"
        if result.refunded:
            text += f"; {format_usdc(result.refunded)} of unproven epochs went back"
        about = f"claimed:{rule.key}"
        self._notices.say(Announcement(about, self._read_epoch(), Urgency.INFO, text))

"""Say what Meter does: vouchers, each for all work so far. Batches skip, they never revert."""

from dataclasses import dataclass

from tests.model.market import Market
from tests.model.terms import ZERO, Address, Emit


@dataclass(frozen=True)
class Voucher:
    """All work of an assignment so far. `signer` is who really signed, None for nobody."""

    assignment: int
    work: int
    signer: Address | None


class Meter:
    """Checks what meters signed, and has Market pay."""

    def __init__(self, at: Address, market: Market, emit: Emit) -> None:
        self.at, self.market, self._emit = at, market, emit

    def redeem(self, caller: Address, vouchers: list[Voucher]) -> None:
        """Pay what is due for vouchers, as far as balances go; anyone may."""
        for voucher in vouchers:
            reason = self._redeem(voucher)
            if reason:
                self._emit("Meter", "Skipped", assignment=voucher.assignment, reason=reason)

    def _redeem(self, voucher: Voucher) -> int:
        meter = self.market.meter_of(voucher.assignment)
        if meter == ZERO:
            return 42
        if voucher.work >= 2**96 or voucher.signer != meter:
            return 43
        paid, owed, balance, deal = self.market.pay(self.at, voucher.assignment, voucher.work)
        if paid == 0:
            return 45 if owed else 44
        self._emit(
            "Meter",
            "Redeemed",
            assignment=voucher.assignment,
            deal=deal,
            work=voucher.work,
            paid=paid,
            owed=owed,
            balance=balance,
        )
        return 0

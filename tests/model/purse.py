"""Say what accounts keep in Audits: FLT, free or nobody's for ever."""

from tests.model.terms import ZERO, Address, Emit, need
from tests.model.token import Token


class Purse:
    """Free FLT of every account, and what was burned."""

    at: Address
    flt: Token
    free: dict[Address, int]
    burned: int
    _emit: Emit

    def deposit(self, caller: Address, amount: int) -> None:
        """Pull FLT into the caller's free money."""
        need(0 < amount < 2**128, "audits: amount out of range")
        self._credit(caller, amount)
        self.flt.pull(self.at, caller, amount)

    def withdraw(self, caller: Address, amount: int, to: Address) -> None:
        """Pay free money out."""
        need(0 < amount < 2**128, "audits: amount out of range")
        need(amount <= self.free[caller], "audits: not enough free")
        self._set(caller, self.free[caller] - amount)
        need(to not in (ZERO, self.at), "tokens: bad receiver")
        self.flt.move(self.at, to, amount)

    def _credit(self, account: Address, amount: int) -> None:
        if amount:
            self._set(account, self.free[account] + amount)

    def _spend(self, account: Address, amount: int) -> None:
        part = min(self.free[account], amount)
        if part:
            self._set(account, self.free[account] - part)
        if part < amount:
            self.flt.pull(self.at, account, amount - part)

    def _set(self, account: Address, free: int) -> None:
        self.free[account] = free
        self._emit("Audits", "Balance", account=account, free=free)

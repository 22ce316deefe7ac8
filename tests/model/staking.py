"""Say what Staking does: bonds locked per unit, a leaving delay, faults."""

from collections import defaultdict

from tests.model.terms import ZERO, Address, Clock, Emit, need
from tests.model.token import Token


class Staking:
    """FLT of every provider: free, locked by peers, or leaving."""

    def __init__(
        self, at: Address, market: Address, flt: Token, delay: int, clock: Clock, emit: Emit
    ) -> None:
        self.at, self.market, self.flt, self.delay, self.clock = at, market, flt, delay, clock
        self._emit = emit
        self.free: dict[Address, int] = defaultdict(int)
        self.locked: dict[Address, int] = defaultdict(int)
        self.leaving: dict[Address, tuple[int, int]] = defaultdict(lambda: (0, 0))

    def deposit(self, caller: Address, amount: int) -> None:
        """Pull FLT into the caller's free stake."""
        need(0 < amount < 2**128, "staking: amount out of range")
        self.flt.pull(self.at, caller, amount)
        self.free[caller] += amount
        self._say(caller)

    def request(self, caller: Address, amount: int) -> None:
        """Set free stake on its way out; the clock starts again for all that is leaving."""
        need(0 < amount < 2**128, "staking: amount out of range")
        need(amount <= self.free[caller], "staking: not enough free")
        self.free[caller] -= amount
        self._say(caller)
        self._leave(caller, amount)

    def withdraw(self, caller: Address, to: Address) -> None:
        """Pay out what was leaving, once the delay is over."""
        amount, ready = self.leaving[caller]
        need(amount > 0, "staking: nothing leaving")
        need(self.clock.now >= ready, "staking: not ready")
        self._set_leaving(caller, 0, 0)
        need(to not in (ZERO, self.at), "tokens: bad receiver")
        self.flt.move(self.at, to, amount)

    def lock(self, caller: Address, provider: Address, amount: int) -> None:
        """Bond free stake. Market only."""
        need(caller == self.market, "staking: not the market")
        need(self.free[provider] >= amount, "staking: bond not covered")
        self.free[provider] -= amount
        self.locked[provider] += amount
        self._say(provider)

    def unlock(self, caller: Address, provider: Address, amount: int) -> None:
        """Let bonded stake leave. Market only."""
        need(caller == self.market, "staking: not the market")
        self.locked[provider] -= amount
        self._say(provider)
        self._leave(provider, amount)

    def slash(
        self, caller: Address, provider: Address, bond: int, fee: int, finder: Address
    ) -> None:
        """Unbond `bond`: the fee goes to whoever found the fault, the rest leaves. Market only."""
        need(caller == self.market, "staking: not the market")
        self.locked[provider] -= bond
        self._say(provider)
        self._leave(provider, bond - fee)
        self.free[finder] += fee
        self._say(finder)

    def seize(self, caller: Address, provider: Address, bond: int, rest: int, to: Address) -> int:
        """Take a bond, and `rest` of what is leaving or else free. Market only."""
        need(caller == self.market, "staking: not the market")
        amount, ready = self.leaving[provider]
        from_leaving = min(rest, amount)
        from_free = min(rest - from_leaving, self.free[provider])
        self.locked[provider] -= bond
        self.free[provider] -= from_free
        self._say(provider)
        if from_leaving:
            self._set_leaving(provider, amount - from_leaving, ready)
        taken = bond + from_leaving + from_free
        self.flt.move(self.at, to, taken)
        return taken

    def _leave(self, provider: Address, amount: int) -> None:
        if amount:
            total = self.leaving[provider][0] + amount
            self._set_leaving(provider, total, self.clock.now + self.delay)

    def _set_leaving(self, provider: Address, amount: int, ready: int) -> None:
        self.leaving[provider] = amount, ready
        self._emit("Staking", "Leaving", provider=provider, amount=amount, ready=ready)

    def _say(self, provider: Address) -> None:
        self._emit(
            "Staking",
            "Stake",
            provider=provider,
            free=self.free[provider],
            locked=self.locked[provider],
        )

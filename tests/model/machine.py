"""Play the market at random: one rule for each external function, hostile callers included.

The rules only choose; `call` and `travel` say what is driven: two models here, real bytecode in
tests/contracts/invariant. Prices and deposits are small, so that rounding and lapses are common.
"""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.model.driven import Line
from tests.model.lapses import LapsingMachine
from tests.model.terms import (
    CLOSED,
    HOLD,
    ZERO,
)

ROLES = (
    "developer",
    "other_developer",
    "provider",
    "other_provider",
    "wallet",
    "matcher",
    "stranger",
)
ROLE = st.sampled_from(ROLES)
DEVELOPER = st.sampled_from(ROLES[:3])
PROVIDER = st.sampled_from(ROLES[2:4])
INDEX = st.integers(0, 7)
INDEXES = st.lists(INDEX, min_size=1, max_size=4)
RIGHT = st.sampled_from((True, True, True, True, False))
AMOUNT = st.one_of(st.integers(0, 300), st.just(2**64))
UNITS = st.integers(0, 4)
FLAW = st.sampled_from(
    (None, None, None, None, "unsigned", "expired", "counter", "private", "dear")
)
FILLS = st.lists(st.tuples(INDEX, st.integers(1, 20), UNITS, FLAW), min_size=1, max_size=3)
GOOD_LINE = st.tuples(st.integers(0, 2), st.integers(1, 12), st.integers(1, 3), st.none())
GOOD_FILLS = st.lists(GOOD_LINE, min_size=1, max_size=3)
MANY_CLAIMS = 40  # of 1,024 epochs each
CURRENT = st.sampled_from(("exact", "exact", "exact", "with strangers", "short", "unsorted"))


class MarketMachine(LapsingMachine):
    """What may happen to a market. Subclasses say to which."""

    @initialize(
        deposits=st.tuples(st.integers(20, 400), st.integers(20, 400)),
        epochs=st.sampled_from((0, 0, 3)),
        second=st.integers(0, 99),
        lapses=st.sampled_from((2, 0, 0, 3)),
    )
    def begin(self, deposits: tuple[int, int], epochs: int, second: int, lapses: int) -> None:
        """Begin with three peers, and two deals that run on two of them.

        `lapses`: how often a third deal lapsed before; the simplest game, played first, has some.
        """
        self.travel(self.law.clock.now + second)
        for provider, wallet, region in (
            ("provider", "wallet", 0),
            ("provider", "provider", 1),
            ("other_provider", "wallet", 2),
        ):
            self.register_peer(provider, wallet, 5, region, 1)
        self.lapse_often(lapses)
        made = self.law.market.assignments_made
        for developer, deposit in zip(("developer", "provider"), deposits, strict=True):
            offer = self._offer(developer, units=4, deposit=deposit, epochs=epochs)
            self._open("matcher", offer, [(0, 5, 1, None), (2, 7, 2, None)])
        self.call("market", "activate", self.roles["wallet"], [made + n for n in (1, 2, 3)])

    @rule(
        owner=PROVIDER, wallet=ROLE, units=UNITS, region=st.integers(0, 3), traits=st.integers(0, 3)
    )
    def register_peer(self, owner: str, wallet: str, units: int, region: int, traits: int) -> None:
        self.call(
            "market",
            "register_peer",
            self.roles[owner],
            b"\1" * 32,
            units,
            4096,
            region,
            traits,
            self.roles[wallet],
            "http://peer",
        )

    @rule(index=INDEX, units=st.integers(0, 6), right=RIGHT)
    def set_units(self, index: int, units: int, right: bool) -> None:
        peer = self._peer(index)
        self.call("market", "set_units", self._owner_of(peer, right), peer, units)

    @rule(index=INDEX, wallet=ROLE, right=RIGHT)
    def set_wallet(self, index: int, wallet: str, right: bool) -> None:
        peer = self._peer(index)
        self.call("market", "set_wallet", self._owner_of(peer, right), peer, self.roles[wallet])

    @rule(role=ROLE, amount=AMOUNT)
    def deposit(self, role: str, amount: int) -> None:
        self.call("market", "deposit", self.roles[role], amount)

    @rule(role=ROLE, to=ROLE, amount=AMOUNT, everything=st.booleans())
    def withdraw(self, role: str, to: str, amount: int, everything: bool) -> None:
        free = self.law.market.free[self.roles[role]]
        amount = free if everything else amount
        self.call("market", "withdraw", self.roles[role], amount, self.roles[to])

    @rule(role=ROLE, amount=st.integers(0, 3))
    def stake(self, role: str, amount: int) -> None:
        self.call("staking", "deposit", self.roles[role], amount * 10**18)

    @rule(role=ROLE, part=st.integers(0, 4))
    def request_stake(self, role: str, part: int) -> None:
        account = self.roles[role]
        self.call("staking", "request", account, self.law.staking.free[account] * part // 3)

    @rule(role=ROLE, to=ROLE)
    def withdraw_stake(self, role: str, to: str) -> None:
        self.call("staking", "withdraw", self.roles[role], self.roles[to])

    @rule(
        developer=DEVELOPER,
        caller=ROLE,
        units=st.integers(1, 5),
        deposit=st.integers(20, 400),
        epochs=st.sampled_from((0, 0, 1, 2, 4)),
        fills=GOOD_FILLS,
    )
    def open_deal(
        self, developer: str, caller: str, units: int, deposit: int, epochs: int, fills: list[Line]
    ) -> None:
        self._open(
            caller, self._offer(developer, units=units, deposit=deposit, epochs=epochs), fills
        )

    @rule(
        developer=DEVELOPER,
        caller=ROLE,
        bounds=st.tuples(
            st.integers(0, 2), st.integers(1, 5), st.integers(0, 3), st.integers(0, 2)
        ),
        money=st.tuples(st.integers(0, 400), st.integers(0, 9)),
        wishes=st.sampled_from(((0, 0, 0), (7, 1, 1), (5, 0, 2), (0, 3, 0))),
        flaw=st.sampled_from((None, None, "unsigned", "approved", "expired", "matcher")),
        fills=FILLS,
    )
    def open_odd_deal(
        self,
        developer: str,
        caller: str,
        bounds: tuple[int, int, int, int],
        money: tuple[int, int],
        wishes: tuple[int, int, int],
        flaw: str | None,
        fills: list[Line],
    ) -> None:
        offer = self._offer(
            developer,
            min_units=bounds[0],
            units=bounds[1],
            max_units_per_provider=bounds[2],
            min_regions=bounds[3],
            deposit=money[0],
            tip=money[1],
            regions=wishes[0],
            traits=wishes[1],
            providers_mode=wishes[2],
            matcher=self.roles["matcher"] if flaw == "matcher" else ZERO,
            valid_until=self.law.clock.now + (-1 if flaw == "expired" else 1_000),
        )
        if flaw == "approved":
            self.call("market", "publish", offer.developer, self.law.market.key_of(offer), b"offer")
        self._open(caller, offer, fills, signed=flaw not in ("unsigned", "approved"))

    @rule(caller=ROLE, index=INDEX, fills=FILLS, current=CURRENT)
    def refill(
        self,
        caller: str,
        index: int,
        fills: list[Line],
        current: str,
    ) -> None:
        if not self.offers:
            return
        offer = self.offers[index % len(self.offers)]
        market = self.law.market
        number = market.deal_of[offer.developer, market.key_of(offer)]
        ids = [i for i, a in market.assignments.items() if a.deal == number]
        if current == "with strangers":
            ids = sorted({*market.assignments, market.assignments_made + 5})
        elif current == "short":
            ids = ids[1:]
        elif current == "unsorted":
            ids = ids[::-1]
        self._match(self.roles[caller], offer, None, fills, ids)

    @rule(
        index=INDEX,
        what=st.sampled_from(("bump", "cancel", "cancel another's", "set_app", "pause")),
    )
    def rule_offers(self, index: int, what: str) -> None:
        offer = self.offers[index % len(self.offers)] if self.offers else self._offer("developer")
        account, key = offer.developer, self.law.market.key_of(offer)
        if what == "bump":
            self.call("market", "bump_counter", account)
        elif what == "cancel":
            self.call("market", "cancel", account, key)
        elif what == "cancel another's":
            self.call("market", "cancel", self.roles["stranger"], key)
        elif what == "set_app":
            self.call("market", "set_app", account, self._deal(index), b"\5" * 32)
        else:
            self.call("market", "set_paused", self.law.market.owner, not self.law.market.paused)

    @rule(indexes=INDEXES, right=RIGHT)
    def activate(self, indexes: list[int], right: bool) -> None:
        ids = self._ids(indexes)
        self.call("market", "activate", self._operator_of(ids[0], right), ids)

    @rule(indexes=INDEXES, right=RIGHT)
    def leave(self, indexes: list[int], right: bool) -> None:
        ids = self._ids(indexes)
        self.call("market", "leave", self._operator_of(ids[0], right), ids, 54)

    @rule(indexes=INDEXES, right=RIGHT)
    def drop(self, indexes: list[int], right: bool) -> None:
        ids = self._ids(indexes)
        a = self._assignment(ids[0])
        developer = (
            self.law.market.deals[a.deal].developer if a and right else self.roles["stranger"]
        )
        self.call("market", "drop", developer, ids, 64)

    @rule(indexes=INDEXES, role=ROLE)
    def evict(self, indexes: list[int], role: str) -> None:
        self.call("market", "evict", self.roles[role], self._ids(indexes))

    @rule(indexes=INDEXES, role=ROLE)
    def release(self, indexes: list[int], role: str) -> None:
        self.call("market", "release", self.roles[role], self._ids(indexes))

    @rule(indexes=INDEXES, role=ROLE)
    def claim(self, indexes: list[int], role: str) -> None:
        self.call("market", "claim", self.roles[role], self._ids(indexes))

    @rule(role=ROLE)
    def claim_everything(self, role: str) -> None:
        self.call("market", "claim", self.roles[role], list(self.law.market.assignments))

    @rule(indexes=INDEXES, role=PROVIDER, to=ROLE)
    def claim_and_withdraw(self, indexes: list[int], role: str, to: str) -> None:
        ids = self._ids(indexes)
        self.call("market", "claim_and_withdraw", self.roles[role], ids, self.roles[to])

    @rule(index=INDEX, role=ROLE, amount=AMOUNT)
    def top_up(self, index: int, role: str, amount: int) -> None:
        self.call("market", "top_up", self.roles[role], self._deal(index), amount)

    @rule(index=INDEX, amount=AMOUNT, right=RIGHT)
    def take(self, index: int, amount: int, right: bool) -> None:
        deal = self._deal(index)
        self.call("market", "take", self._developer_of(deal, right), deal, amount)

    @rule(index=INDEX, right=RIGHT)
    def stop(self, index: int, right: bool) -> None:
        deal = self._deal(index)
        self.call("market", "stop", self._developer_of(deal, right), deal)

    @rule(indexes=INDEXES, ago=st.integers(0, 3), right=RIGHT)
    def commit(self, indexes: list[int], ago: int, right: bool) -> None:
        market = self.law.market
        numbers = [self._peer(index) for index in indexes]
        wallet = market.wallet_of(numbers[0]) if right else self.roles["stranger"]
        mine = [n for n in numbers if market.wallet_of(n) == wallet or not right]
        commitments = [(n, b"\3" * 32) for n in mine]
        if wallet != ZERO:
            self.call("proofs", "commit", wallet, self.law.clock.epoch - ago, commitments)

    @rule(seconds=st.integers(0, 120))
    def pass_seconds(self, seconds: int) -> None:
        self.travel(self.law.clock.now + seconds)

    @rule(
        epochs=st.sampled_from((1, 1, 2, 3, 5, 9, 40, 1030)),
        offset=st.sampled_from((0, 0, 1, 50, 99)),
    )
    def pass_epochs(self, epochs: int, offset: int) -> None:
        seconds = self.law.clock.epoch_seconds
        self.travel((self.law.clock.epoch + epochs) * seconds + offset)

    @rule(silent=INDEX, epochs=st.integers(1, 3))
    def prove_epochs(self, silent: int, epochs: int) -> None:
        """Let epochs pass; all peers but one commit each."""
        for _ in range(epochs):
            self.pass_epochs(1, 0)
            self._prove_last_epoch(silent)

    def _prove_last_epoch(self, silent: int) -> None:
        market = self.law.market
        for wallet in sorted({peer.wallet for peer in market.peers.values()}):
            peers = [n for n, p in market.peers.items() if p.wallet == wallet and n != silent]
            commitments = [(n, b"\4" * 32) for n in peers]
            self.call("proofs", "commit", wallet, self.law.clock.epoch - 1, commitments)

    def run_off(self) -> None:
        """Send everybody home: whatever happened, all money gets out and none is left behind."""
        law = self.law  # but never keep law.market: a refused call replaces it
        if not law.market.paused:
            self.call("market", "set_paused", law.market.owner, True)
        for number, deal in list(law.market.deals.items()):
            if not deal.stopped:
                self.call("market", "stop", deal.developer, number)
        self.pass_epochs(HOLD + 2, 0)
        for number, deal in list(law.market.deals.items()):
            if deal.metered and deal.balance:
                self.call("market", "take", deal.developer, number, deal.balance)
        for act in ("release", *["claim"] * MANY_CLAIMS):
            ids = list(law.market.assignments)
            for start in range(0, len(ids), 64):
                self.call("market", act, self.roles["stranger"], ids[start : start + 64])
        for number, peer in list(law.market.peers.items()):
            self.call("market", "set_units", peer.provider, number, 0)
        for account in self.roles.values():
            if law.market.free[account]:
                self.call("market", "withdraw", account, law.market.free[account], account)
            if law.staking.free[account]:
                self.call("staking", "request", account, law.staking.free[account])
        self.travel(law.clock.now + law.parameters.leaving_delay)
        for account in self.roles.values():
            self.call("staking", "withdraw", account, account)

        assert all(a.state == CLOSED for a in law.market.assignments.values())
        assert law.usdc.balance[law.market.at] == law.unasked["usdc"]
        assert law.flt.balance[law.staking.at] == law.unasked["flt"]

"""A market that really lives on Anvil: seeded random transactions against the real contracts."""

import random

from indexer.verify.run import verify_store
from tests.matcher.anvil_town import AnvilTown
from wasmarket.chain.contracts.fills import build_fill
from wasmarket.kernel.errors import Reverted
from wasmarket.kernel.units import FLT


class MarketLife:
    """Random actions of five accounts; what the contracts refuse is no action."""

    def __init__(self, town: AnvilTown, seed: int) -> None:
        self.town, self.random = town, random.Random(seed)
        self.people = [town.developer, town.provider, town.other, town.first, town.second]
        self.bids = []
        self.refused = self.done = 0

    def open_accounts(self) -> None:
        """Give the developer and both providers allowances and some free money."""
        for account in self.people[:3]:
            self.do(account, self.town.usdc, "approve", self.town.market.address, 2**256 - 1)
            self.do(account, self.town.market, "deposit", 150_000)

    def act(self, count: int) -> None:
        """Do some random things."""
        for _ in range(count):
            self.random.choice(
                [
                    self.open_deal,
                    self.refill,
                    self.batch,
                    self.batch,
                    self.money,
                    self.time,
                    self.odd,
                ]
            )()

    def do(self, account, contract, function, *args) -> None:
        try:
            self.town.send(account, contract, function, *args)
            self.done += 1
        except Reverted:
            self.refused += 1

    def fills(self):
        fills = []
        for peer in self.random.sample([1, 2, 9], 2):
            ask = self.town.ask(peer, self.random.randint(900, 2_100))
            owner = self.town.other if peer == 2 else self.town.provider
            signature = self.town.sign(ask, owner)
            fills.append(build_fill(ask, self.random.randint(1, 2), signature))
        return fills

    def match(self, bid, current) -> None:
        caller = self.random.choice(self.people)
        signature = self.town.sign(bid, self.town.developer)
        call = self.town.market.match(bid, signature, self.fills(), current)
        try:
            self.town.sender(caller).send(call)
            self.done += 1
        except Reverted:
            self.refused += 1

    def open_deal(self) -> None:
        bid = self.town.bid(
            units=self.random.randint(1, 3),
            deposit=self.random.choice([3_000, 9_000, 40_000]),
            tip=self.random.randint(0, 500),
            epochs=self.random.choice([0, 0, 3]),
            counter=self.town.market.account(self.town.developer.address).counter,
        )
        self.bids.append(bid)
        self.match(bid, [])

    def refill(self) -> None:
        if self.bids:
            self.match(self.random.choice(self.bids), self.ids())

    def ids(self):
        return list(range(1, self.count("assignment_count") + 1))

    def count(self, view) -> int:
        return int(self.town.lens.read(view))

    def batch(self) -> None:
        ids = self.ids()
        if not ids:
            return
        some = [*self.random.sample(ids, min(len(ids), 4)), len(ids) + 1]
        function = self.random.choice(["activate", "activate", "leave", "drop", "evict", "claim"])
        why = [self.random.choice([48, 2**255])] if function in ("leave", "drop") else []
        caller = self.random.choice(self.people[:3])
        if function == "activate":
            for owner in self.people[1:3]:
                self.do(owner, self.town.market, function, ids[-8:])
            return
        self.do(caller, self.town.market, function, some, *why)
        self.do(caller, self.town.market, "release", some)

    def money(self) -> None:
        account, amount = self.random.choice(self.people[:3]), self.random.randint(1, 9_000)
        deal = self.random.randint(1, max(1, self.count("deal_count")))
        market = self.town.market
        self.random.choice(
            [
                lambda: self.do(account, market, "deposit", amount),
                lambda: self.do(account, market, "withdraw", amount, account.address),
                lambda: self.do(account, market, "top_up", deal, amount),
                lambda: self.do(self.people[0], market, "take", deal, amount),
                lambda: self.do(
                    account, market, "claim_and_withdraw", self.ids()[:16], account.address
                ),
            ]
        )()

    def time(self) -> None:
        for _ in range(self.random.choice([1, 1, 2, 6])):
            self.town.pass_epoch(*self.random.choice([(1, 2), (1,), (2,), ()]))
        if self.random.random() < 0.4:
            self.do(self.people[4], self.town.market, "claim", self.ids()[-16:])

    def odd(self) -> None:
        account = self.random.choice(self.people[:3])
        deal = self.random.randint(1, max(1, self.count("deal_count")))
        market, staking = self.town.market, self.town.staking
        self.random.choice(
            [
                lambda: self.do(self.people[0], market, "stop", deal),
                lambda: self.do(self.people[0], market, "set_app", deal, bytes([deal]) * 32),
                lambda: self.do(account, market, "cancel", b"\1" * 32),
                lambda: self.do(account, market, "set_units", 1, self.random.randint(3, 6)),
                lambda: self.do(account, market, "set_endpoint", 2, "http://\x00odd"),
                lambda: self.do(account, staking, "request", self.random.randint(1, FLT)),
                lambda: self.do(account, staking, "withdraw", account.address),
                lambda: self.do(account, market, "publish", b"\2" * 32, b"not an offer"),
            ]
        )()


def check_against_chain(database, town: AnvilTown) -> None:
    """Assert that the store says what the contracts' own views say at the indexed block."""
    verdict = verify_store(database, town.rpc, town.deployment)
    assert verdict.differences == []
    assert verdict.checked["deal"] == town.lens.read("deal_count")

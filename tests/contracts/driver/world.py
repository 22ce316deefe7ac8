"""Do each call to the contracts and to the model, and insist that they agree on everything.

They agree on the outcome (reason or events), and afterwards on every word of state that there is,
on every view of MarketLens, and on the tokens that each account holds.
"""

import copy
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from tests.contracts.driver.abi import Contract, Log, plain
from tests.contracts.driver.chain import Chain
from tests.contracts.driver.typed_data import EMPTY, Domain, Signature
from tests.contracts.driver.words import unpack
from tests.model.law import Law, Outcome, Places
from tests.model.terms import (
    LAPSED,
    OVER,
    RUNNING,
    STOPPING,
    Address,
    Assignment,
    Deal,
    DeveloperOffer,
    Event,
    Fill,
    Parameters,
    Peer,
    Permit,
    ProviderOffer,
)

ROLES = (
    "owner",
    "developer",
    "other_developer",
    "provider",
    "other_provider",
    "wallet",
    "matcher",
    "stranger",
)
USDC = 10**9
FLT = 10**24
STAKE = 10**23
FOREVER = 2**256 - 1
NO_PERMIT = (0, 0, *EMPTY)


class World:
    """Contracts and model, deployed alike. `roles` maps the word to the address."""

    def __init__(
        self,
        chain: Chain,
        parameters: Parameters | None = None,
        usdc: str = "TestUSDC",
        flt: str = "TestFLT",
    ) -> None:
        self.chain, self.parameters = chain, parameters or Parameters()
        self.roles = dict(zip(ROLES, chain.keys, strict=False))
        self.contracts = self._deploy(usdc, flt)
        self.addresses = {contract.address: name for name, contract in self.contracts.items()}
        self.domain = Domain("Wasmarket", chain.chain_id, self.contracts["market"].address)
        self.permits = Domain("Test USDC", chain.chain_id, self.contracts["usdc"].address)
        places = Places(
            self.contracts["market"].address,
            self.contracts["staking"].address,
            self.roles["owner"],
        )
        self.law = Law(self.parameters, places, self.domain.hash_of, chain.now)
        self.offers: set[tuple[Address, bytes]] = set()
        self.market = Voice(self, "market")
        self.staking = Voice(self, "staking")
        self.proofs = Voice(self, "proofs")

    def _deploy(self, usdc: str, flt: str) -> dict[str, Contract]:
        chain, rules, owner = self.chain, self.parameters, self.roles["owner"]
        tokens = {"usdc": chain.deploy(usdc, owner), "flt": chain.deploy(flt, owner)}
        market = chain.next_address(2)
        staking = chain.deploy("Staking", tokens["flt"].address, market, rules.leaving_delay)
        proofs = chain.deploy("Proofs", market, rules.epoch_seconds, rules.proof_window)
        found = chain.deploy(
            "Market",
            tokens["usdc"].address,
            staking.address,
            proofs.address,
            rules.epoch_seconds,
            rules.accept_seconds,
            rules.max_missed,
            rules.proof_window,
            rules.bond_per_unit,
            rules.fault_fee,
        )
        assert found.address == market
        lens = chain.deploy("MarketLens", market)
        return {**tokens, "market": found, "staking": staking, "proofs": proofs, "lens": lens}

    def fund(self) -> None:
        """Give every role USDC, FLT, allowances and free stake."""
        for account in self.roles.values():
            for token, amount, spender in (("usdc", USDC, "market"), ("flt", FLT, "staking")):
                self.mint(account, amount, token)
                model = getattr(self.law, token)
                self._must(account, token, "approve", self.contracts[spender].address, FOREVER)
                model.allowance[account, self.contracts[spender].address] = FOREVER
            self.call("staking", "deposit", account, STAKE, compare=False)
        self.compare()

    def fork(self) -> "World":
        """Copy the model's side; the chain's side is the snapshot's business."""
        twin = copy.copy(self)
        twin.law, twin.offers = copy.deepcopy(self.law), set(self.offers)
        twin.market, twin.staking, twin.proofs = (
            Voice(twin, name) for name in ("market", "staking", "proofs")
        )
        return twin

    def allow(self, account: Address, amount: int) -> None:
        """Replace what Market may pull of an account's USDC."""
        market = self.contracts["market"].address
        self._must(account, "usdc", "approve", market, amount)
        self.law.usdc.allowance[account, market] = amount

    def mint(self, account: Address, amount: int, token: str = "usdc") -> None:
        """Give an account tokens."""
        self._must(self.roles["owner"], token, "mint", account, amount)
        getattr(self.law, token).balance[account] += amount

    def give(self, sender: Address, to: Address, amount: int, token: str = "usdc") -> None:
        """Transfer tokens past the contracts."""
        self._must(sender, token, "transfer", to, amount)
        getattr(self.law, token).move(sender, to, amount)

    def use_permit(self, owner: Address, permit: Permit, by: Address) -> None:
        """Let somebody else send the permit to the token first."""
        value, deadline, r, vs = self._encode_permit(owner, permit)
        word, market = int.from_bytes(vs, "big"), self.contracts["market"].address
        v, s = 27 + (word >> 255), (word & (1 << 255) - 1).to_bytes(32, "big")
        self._must(by, "usdc", "permit", owner, market, value, deadline, v, r, s)
        self.law.usdc.permit(market, owner, permit, self.chain.now)

    def _must(self, sender: Address, contract: str, function: str, *arguments: Any) -> None:
        receipt = self.chain.send(sender, self.contracts[contract], function, arguments)
        if receipt.error is not None:
            raise receipt.error

    def travel(self, now: int) -> None:
        """Let time pass for both."""
        if now > self.chain.now:
            self.chain.travel(now)
            self.law.travel(now)

    def call(
        self, contract: str, function: str, caller: Address, *arguments: Any, compare: bool = True
    ) -> Outcome:
        """Do a call to both and compare. A refused call is an outcome like any other."""
        return self._do(contract, function, caller, arguments, compare)[0]

    def do(self, contract: str, function: str, caller: Address, *arguments: Any) -> Outcome:
        """Do a call to both and compare; raise the chain's own error if it is refused."""
        outcome, error = self._do(contract, function, caller, arguments)
        if error is not None:
            raise error
        return outcome

    def _do(
        self,
        contract: str,
        function: str,
        caller: Address,
        arguments: tuple[Any, ...],
        compare: bool = True,
    ) -> tuple[Outcome, Exception | None]:
        if function == "match":
            self._ask_why(arguments)
            self.offers.add((arguments[0].developer, self.domain.hash_of(arguments[0])))
        outcome = self.law.attempt(contract, function, caller, *arguments)
        told = self._encode_match(*arguments) if function == "match" else arguments
        receipt = self.chain.send(caller, self.contracts[contract], function, told)
        if function in ("publish", "cancel"):
            self.offers.add((caller, arguments[0]))

        assert receipt.reason == outcome.reason, (
            f"{function}: chain {receipt.reason!r}, model {outcome}"
        )
        for source in ("Market", "Staking", "Proofs"):
            assert self._events(source, receipt.logs) == [
                (event.name, plain_fields(event))
                for event in outcome.events
                if event.source == source
            ]
        if compare:
            self.compare()
        return outcome, receipt.error

    def _events(self, source: str, logs: tuple[Log, ...]) -> list[tuple[str, dict[str, Any]]]:
        contract = self.contracts[source.lower()]
        return [contract.event(log) for log in logs if log.address == contract.address]

    def _encode_match(
        self,
        offer: DeveloperOffer,
        signer: Any,
        fills: list[Fill],
        current: list[int],
        permit: Permit | None = None,
    ) -> tuple[Any, ...]:
        r, vs = self._sign(offer, signer)
        lines = [self.encode_fill(fill) for fill in fills]
        return (astuple(offer), r, vs, lines, current, self._encode_permit(offer.developer, permit))

    def encode_fill(self, fill: Fill) -> tuple[Any, ...]:
        """Lay a fill out as the contract wants it, signed by whom the model says."""
        return (*astuple(fill.offer), fill.units, *self._sign(fill.offer, fill.signer))

    def _sign(self, offer: DeveloperOffer | ProviderOffer, signer: Any) -> Signature:
        if isinstance(signer, Signature):
            return signer
        return EMPTY if signer is None else self.domain.sign(offer, self.chain.keys[signer])

    def _encode_permit(self, owner: Address, permit: Permit | None) -> tuple[Any, ...]:
        if permit is None:
            return NO_PERMIT
        message = {
            "owner": owner,
            "spender": self.contracts["market"].address,
            "value": permit.value,
            "nonce": permit.nonce,
            "deadline": permit.deadline,
        }
        signature = self.permits.sign_permit(self.chain.keys[permit.signer], message)
        return (permit.value, permit.deadline, *signature)

    def _ask_why(self, arguments: tuple[Any, ...]) -> None:
        """Compare what the lens would answer for each fill with the reason that the model gives."""
        offer, _, fills, current, *_ = arguments
        model = copy.deepcopy(self.law.market)
        if not model.is_complete(offer, current):
            return
        told = [(astuple(offer), self.encode_fill(fill), current) for fill in fills]
        answers = self.chain.read([(self.contracts["lens"], "why", why) for why in told])
        assert answers == [model.why(offer, fill, current) for fill in fills]

    def compare(self) -> None:
        """Insist that contracts and model hold the same, now and once settled."""
        self.law.check()
        market, stakes = self.law.market, self.law.staking
        views = View()
        for account in (*self.roles.values(), self.contracts["market"].address):
            self._expect_account(views, account)
        for account, key in self.offers:
            word = (
                ((account, key) in market.approved)
                | ((account, key) in market.cancelled) << 1
                | market.deal_of.get((account, key), 0) << 2
            )
            views.expect(self.contracts["market"], "offer_word", (account, key), word)
        for number, peer in market.peers.items():
            self._expect_peer(views, number, peer)
        held = self.law.flt.balance[stakes.at]
        views.expect(self.contracts["flt"], "balanceOf", (stakes.at,), held)
        counts = {
            "peers": len(market.peers),
            "deals": len(market.deals),
            "assignments": market.assignments_made,
        }
        views.expect(self.contracts["market"], "counts_word", (), counts, packed("counts"))
        for name in ("owner", "next_owner", "paused"):
            views.expect(self.contracts["market"], name, (), getattr(market, name))
        views.check(self.chain)
        self._compare_deals()

    def _expect_account(self, views: "View", account: Address) -> None:
        market, stakes = self.contracts["market"], self.contracts["staking"]
        law = self.law
        fields = {"free": law.market.free[account], "counter": law.market.counter[account]}
        views.expect(market, "account_word", (account,), fields, packed("account"))
        views.expect(market, "free", (account,), fields["free"])
        views.expect(market, "counter", (account,), fields["counter"])
        stake = {"free": law.staking.free[account], "locked": law.staking.locked[account]}
        views.expect(stakes, "stake_word", (account,), stake, packed("stake"))
        leaving = dict(zip(("amount", "ready"), law.staking.leaving[account], strict=True))
        views.expect(stakes, "leaving_word", (account,), leaving, packed("leaving"))
        views.expect(self.contracts["usdc"], "balanceOf", (account,), law.usdc.balance[account])
        views.expect(self.contracts["flt"], "balanceOf", (account,), law.flt.balance[account])

    def _expect_peer(self, views: "View", number: int, peer: Peer) -> None:
        market = self.contracts["market"]
        fields = {
            "provider": int(peer.provider, 16),
            "units": peer.units,
            "used": peer.used,
            "memory_mib": peer.memory_mib,
            "region": peer.region,
        }
        extra = {"wallet": int(peer.wallet, 16), "traits": peer.traits}
        views.expect(market, "peer_word", (number,), fields, packed("peer"))
        views.expect(market, "peer_extra_word", (number,), extra, packed("peer_extra"))
        views.expect(market, "wallet_of", (number,), peer.wallet)
        seen = (
            peer.provider,
            peer.units,
            peer.used,
            peer.memory_mib,
            peer.region,
            peer.wallet,
            peer.traits,
        )
        views.expect(self.contracts["lens"], "peer", (number,), seen)

    def _compare_deals(self) -> None:
        """Compare deals and assignments after settling both sides.

        A contract need not store what settling alone would change, so its words are put into a
        copy of the model and settled there.
        """
        stored, settled = copy.deepcopy(self.law.market), copy.deepcopy(self.law.market)
        market, lens = self.contracts["market"], self.contracts["lens"]
        deals = list(settled.deals)
        ids = list(range(1, settled.assignments_made + 1))
        words = self.chain.read(
            [(market, "deal_word", (n,)) for n in deals]
            + [(market, "owner_of_deal", (n,)) for n in deals]
            + [(market, "assignment_word", (i,)) for i in ids]
        )
        deal_words, owners = words[: len(deals)], words[len(deals) : 2 * len(deals)]
        for number, word, owner in zip(deals, deal_words, owners, strict=True):
            stored.deals[number] = Deal(developer=owner, **unpack("deal", word))
            stored.settle(number)
            settled.settle(number)
            mine, theirs = settled.deals[number], stored.deals[number]
            assert (mine.stopped, astuple(mine)[:-1]) == (
                bool(theirs.stopped),
                astuple(theirs)[:-1],
            )
        assert {
            i: Assignment(**unpack("assignment", word))
            for i, word in zip(ids, words[2 * len(deals) :], strict=True)
            if word
        } == settled.assignments

        views = View()
        for (number, run), last in self.law.market.run_end.items():
            views.expect(market, "run_end", (number, run), last)
        for number in deals:
            views.expect(lens, "deal", (number,), deal_view(settled, number))
        for i in ids:
            views.expect(lens, "assignment", (i,), assignment_view(settled, i))
        some = ids[-64:]
        dues = tuple(assignment_view(settled, i)[-2:] for i in some)
        views.expect(lens, "claimable", (some,), dues)
        faults = tuple(self._evictable(settled, i) for i in some)
        views.expect(lens, "evictable", (some,), faults)
        views.check(self.chain)

    @staticmethod
    def _evictable(market: Any, i: int) -> bool:
        a = market.assignments.get(i)
        return a is not None and market.alive(a) and market.at_fault(a)

    def check_conservation(self) -> None:
        """Add up the chain's own words: every token unit that is held is owed to somebody."""
        chain, market, stakes = self.chain, self.contracts["market"], self.contracts["staking"]
        books = copy.deepcopy(self.law.market)
        accounts = [*self.roles.values(), market.address]
        words = chain.read([(market, "account_word", (a,)) for a in accounts])
        free = sum(unpack("account", word)["free"] for word in words)
        [counts] = chain.read([(market, "counts_word", ())])
        numbers = unpack("counts", counts)

        books.deals, books.assignments = {}, {}
        for number in range(1, numbers["deals"] + 1):
            word, owner = chain.read(
                [(market, f, (number,)) for f in ("deal_word", "owner_of_deal")]
            )
            books.deals[number] = Deal(developer=owner, **unpack("deal", word))
            books.settle(number)
        for i in range(1, numbers["assignments"] + 1):
            [word] = chain.read([(market, "assignment_word", (i,))])
            if word:
                books.assignments[i] = Assignment(**unpack("assignment", word))
        deals = sum(deal.balance for deal in books.deals.values())
        aside = sum(books.put_aside(a) for a in books.assignments.values())
        [held] = chain.read([(self.contracts["usdc"], "balanceOf", (market.address,))])
        assert held == free + deals + aside + self.law.unasked["usdc"]

        staked = [
            unpack("stake", w) for w in chain.read([(stakes, "stake_word", (a,)) for a in accounts])
        ]
        leaving = [
            unpack("leaving", w)["amount"]
            for w in chain.read([(stakes, "leaving_word", (a,)) for a in accounts])
        ]
        [held] = chain.read([(self.contracts["flt"], "balanceOf", (stakes.address,))])
        staked_or_leaving = sum(leaving) + sum(s["free"] + s["locked"] for s in staked)
        assert held == staked_or_leaving + self.law.unasked["flt"]
        peers = [
            unpack("peer", w)
            for w in chain.read(
                [(market, "peer_word", (n,)) for n in range(1, numbers["peers"] + 1)]
            )
        ]
        for account, stake in zip(accounts, staked, strict=True):
            units = sum(peer["units"] for peer in peers if peer["provider"] == int(account, 16))
            assert stake["locked"] == units * self.parameters.bond_per_unit


class Voice:
    """`world.market.stop(1, by=developer)` instead of `world.do("market", "stop", …)`."""

    def __init__(self, world: World, contract: str) -> None:
        self._world, self._contract = world, contract

    def __getattr__(self, function: str) -> Callable[..., Outcome]:
        def act(*arguments: Any, by: Address) -> Outcome:
            return self._world.do(self._contract, function, by, *arguments)

        return act


class View:
    """Views to call in one go, and what each should answer."""

    def __init__(self) -> None:
        self._calls: list[tuple[Contract, str, tuple[Any, ...]]] = []
        self._expected: list[tuple[Any, Callable[[Any], Any]]] = []

    def expect(
        self,
        contract: Contract,
        function: str,
        arguments: tuple[Any, ...],
        value: Any,
        read: Callable[[Any], Any] = lambda answer: answer,
    ) -> None:
        """Add a view and its right answer, as `read` shows it."""
        self._calls.append((contract, function, arguments))
        self._expected.append((value, read))

    def check(self, chain: Chain) -> None:
        """Call them all."""
        answers = chain.read(self._calls)
        for call, answer, (value, read) in zip(self._calls, answers, self._expected, strict=True):
            assert read(answer) == value, f"{call[0].name}.{call[1]}{call[2]}"


def packed(record: str) -> Callable[[int], dict[str, int]]:
    """Read a word of that record."""
    return lambda word: unpack(record, word)


def plain_fields(event: Event) -> dict[str, Any]:
    """Make the model's event comparable with a decoded log."""
    return {name: plain(value) for name, value in event.fields.items()}


def deal_view(market: Any, number: int) -> tuple[Any, ...]:
    """Say what the lens should say of a settled deal."""
    deal = market.deals[number]
    status = market.status(number)
    runway = deal.balance // deal.rate if status == RUNNING else 0
    last = {
        RUNNING: min(deal.end, market.clock.epoch + runway),
        LAPSED: market.run_end.get((number, deal.run - 1)),
        STOPPING: deal.end,
        OVER: deal.end,
    }.get(status, 0)
    return (
        deal.developer,
        deal.balance,
        deal.rate,
        deal.settled,
        deal.end,
        deal.units,
        deal.run,
        deal.stopped,
        status,
        runway,
        last,
    )


def assignment_view(market: Any, i: int) -> tuple[Any, ...]:
    """Say what the lens should say of an assignment whose deal is settled."""
    a = market.assignments.get(i)
    if a is None:
        return (0,) * 7 + (False, 0, 0, 0)
    paid = refund = 0
    if a.state >= 2:
        last = market.claimable_until(a)
        if last >= a.next:
            paid, refund = market.split(a, last)
    return (
        a.deal,
        a.peer,
        a.units,
        a.price,
        a.start,
        a.next,
        a.state,
        market.alive(a),
        market.end_of(a),
        paid,
        refund,
    )

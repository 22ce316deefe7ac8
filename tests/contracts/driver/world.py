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
from tests.contracts.driver.comparison import (
    check_conservation,
    compare_audits,
    compare_views,
    compare_words,
)
from tests.contracts.driver.typed_data import EMPTY, Domain, Signature
from tests.model.evidence import Called, Summed
from tests.model.law import Law, Outcome, Places
from tests.model.meter import Voucher
from tests.model.terms import (
    Address,
    DeveloperOffer,
    Event,
    Fill,
    Parameters,
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
SOURCES = ("Market", "Staking", "Proofs", "Meter", "Audits")
MOST_BLOCKS = 5  # of one travel, unless told otherwise
NO_PERMIT = (0, 0, *EMPTY)


class World:
    """Contracts and model, deployed alike. `roles` maps the word to the address."""

    usual_views_every = 1
    """Calls for each comparison of all views; the words are compared after every call."""

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
            self.contracts["meter"].address,
            self.contracts["audits"].address,
            self.roles["owner"],
        )
        self.law = Law(self.parameters, places, self.domain.hash_of, chain.now)
        self.law.clock.block = chain.block
        self.offers: set[tuple[Address, bytes]] = set()
        self.words_every, self.views_every = 1, self.usual_views_every
        self._compared = 0
        self.market = OfferStatusWriter(self, "market")
        self.staking = OfferStatusWriter(self, "staking")
        self.proofs = OfferStatusWriter(self, "proofs")
        self.meter = OfferStatusWriter(self, "meter")
        self.audits = OfferStatusWriter(self, "audits")

    def _deploy(self, usdc: str, flt: str) -> dict[str, Contract]:
        chain, rules, owner = self.chain, self.parameters, self.roles["owner"]
        tokens = {"usdc": chain.deploy(usdc, owner), "flt": chain.deploy(flt, owner)}
        market = chain.next_address(4)
        staking = chain.deploy("Staking", tokens["flt"].address, market, rules.leaving_delay)
        proofs = chain.deploy("Proofs", market, rules.epoch_seconds, rules.proof_window)
        meter = chain.deploy("Meter", market)
        audits = chain.deploy(
            "Audits",
            market,
            proofs.address,
            staking.address,
            rules.epoch_seconds,
            rules.phase_blocks,
            rules.ask_fee,
            rules.stake,
            rules.juror_fee,
            rules.seat,
            rules.min_seats,
            rules.share_cap,
        )
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
            rules.accept_blocks,
            meter.address,
            audits.address,
        )
        assert found.address == market
        lens = chain.deploy("MarketLens", market)
        around = {"staking": staking, "proofs": proofs, "meter": meter, "audits": audits}
        return {**tokens, "market": found, **around, "lens": lens}

    def fund(self) -> None:
        """Give every role USDC, FLT, allowances and free stake."""
        for account in self.roles.values():
            for token, amount, spender in (("usdc", USDC, "market"), ("flt", FLT, "staking")):
                self.mint(account, amount, token)
                model = getattr(self.law, token)
                self._must(account, token, "approve", self.contracts[spender].address, FOREVER)
                model.allowance[account, self.contracts[spender].address] = FOREVER
            audits = self.contracts["audits"].address
            self._must(account, "flt", "approve", audits, FOREVER)
            self.law.flt.allowance[account, audits] = FOREVER
            self.call("staking", "deposit", account, STAKE, compare=False)
        self.compare()

    def fork(self) -> "World":
        """Copy the model's side; the chain's side is the snapshot's business."""
        twin = copy.copy(self)
        twin.law, twin.offers = copy.deepcopy(self.law), set(self.offers)
        twin.market, twin.staking, twin.proofs, twin.meter, twin.audits = (
            OfferStatusWriter(twin, name)
            for name in ("market", "staking", "proofs", "meter", "audits")
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

    def give_unasked(self, sender: Address, amount: int, token: str) -> None:
        """Transfer USDC to Market or FLT to Staking past every call, and compare."""
        to = self.contracts["market" if token == "usdc" else "staking"].address
        self._must(sender, token, "transfer", to, amount)
        self.law.give(sender, amount, token)
        self.compare()

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

    def travel(self, now: int, blocks: int | None = None) -> None:
        """Let time pass for both, with a few blocks for each epoch unless told how many."""
        if now > self.chain.now:
            if blocks is None:
                epochs = (now - self.chain.now) // self.parameters.epoch_seconds
                blocks = min(2 + epochs, MOST_BLOCKS)
            self.chain.travel(now, blocks)
            self.law.travel(now)
            self.law.clock.block = self.chain.block

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
        self.law.clock.block, self.law.clock.randao = self.chain.block, self.chain.randao
        outcome = self.law.attempt(contract, function, caller, *arguments)
        told = self._encode(function, arguments)
        receipt = self.chain.send(caller, self.contracts[contract], function, told)
        if function in ("publish", "cancel"):
            self.offers.add((caller, arguments[0]))

        assert receipt.reason == outcome.reason, (
            f"{function}: chain {receipt.reason!r}, model {outcome}"
        )
        for source in SOURCES:
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

    def _encode(self, function: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        if function == "match":
            return self._encode_match(*arguments)
        if function == "redeem":
            return ([self._encode_voucher(voucher) for voucher in arguments[0]],)
        if function == "contradict":
            *papers, signer = arguments
            return (*map(as_tuple, papers), *self._sign_head(papers[-1], signer))
        return tuple(map(as_tuple, arguments))

    def _sign_head(self, paper: Called, signer: Address | None) -> Signature:
        if signer is None:
            return EMPTY
        assignment, sequence = paper.receipt.assignment, paper.receipt.sequence
        message = {"assignment": assignment, "sequence": sequence, "receipt": paper.hash}
        return self.domain.sign_struct(self.chain.keys[signer], "Head", message)

    def _encode_voucher(self, voucher: Voucher) -> tuple[Any, ...]:
        signature = EMPTY
        if voucher.signer is not None:
            message = {"assignment": voucher.assignment, "work": voucher.work}
            key = self.chain.keys[voucher.signer]
            signature = self.domain.sign_struct(key, "Usage", message)
        return (voucher.assignment, voucher.work, *signature)

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
        self._compared += 1
        if self._compared % self.words_every == 0:
            self.law.check()
            compare_words(self)
            compare_audits(self)
        if self._compared % self.views_every == 0:
            compare_views(self)

    def check_conservation(self) -> None:
        """Add up the chain's own words: every token unit that is held is owed to somebody."""
        check_conservation(self)


class OfferStatusWriter:
    """`world.market.stop(1, by=developer)` instead of `world.do("market", "stop", …)`."""

    def __init__(self, world: World, contract: str) -> None:
        self._world, self._contract = world, contract

    def __getattr__(self, function: str) -> Callable[..., Outcome]:
        def act(*arguments: Any, by: Address) -> Outcome:
            return self._world.do(self._contract, function, by, *arguments)

        return act


def as_tuple(argument: Any) -> Any:
    """Lay papers out as the contract wants them; leave anything else as it is."""
    return astuple(argument) if isinstance(argument, (Summed, Called)) else argument


def plain_fields(event: Event) -> dict[str, Any]:
    """Make the model's event comparable with a decoded log."""
    return {name: plain(value) for name, value in event.fields.items()}

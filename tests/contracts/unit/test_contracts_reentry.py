"""Reentry: in the middle of a token call every function refuses, which it does not outside."""

import pytest

from tests.contracts.driver.ape_chain import ApeChain
from tests.contracts.driver.stage import APP, KEY, Stage
from tests.contracts.driver.typed_data import EMPTY
from tests.model.terms import ZERO, Permit

pytestmark = pytest.mark.anvil

HASH = b"\1" * 32
FLT = 10**24


class Insider:
    """A token that is provider, developer and owner at once: nothing but a lock stops it."""

    def __init__(self, accounts, chain, project):
        now = chain.pending_timestamp + 1_000
        self.world = Stage(
            ApeChain(accounts, chain, project, now), usdc="MockToken", flt="MockToken"
        )
        self.world.fund()
        self.usdc, self.flt = (self.world.contracts[name] for name in ("usdc", "flt"))
        self.world.roles = {**self.world.roles, "usdc": self.usdc.address, "flt": self.flt.address}
        for token in (self.usdc, self.flt):
            for coin, spender in (("usdc", "market"), ("flt", "staking")):
                self.send("owner", coin, "mint", token.address, FLT)
                self.poke(token, coin, "approve", self.address(spender), 2**255)
            self.poke(token, "market", "deposit", 10**6)
            self.poke(token, "staking", "deposit", FLT // 2)
        self.poke(self.usdc, "market", "register_peer", KEY, 9, 9, 0, 0, self.usdc.address, "x")
        self.send("owner", "market", "offer_ownership", self.usdc.address)
        self.poke(self.usdc, "market", "accept_ownership")
        self.poke(self.usdc, "market", "offer_ownership", self.usdc.address)
        self.send("matcher", "market", "match", *self.new_match())

    def address(self, name):
        return self.world.contracts[name].address

    def send(self, role, contract, function, *arguments):
        self.world._must(self.world.roles[role], contract, function, *arguments)

    def poke(self, token, contract, function, *arguments):
        """Let the token call, outside of any transfer; this must succeed."""
        data = self.world.contracts[contract].encode(function, arguments)
        name = "usdc" if token is self.usdc else "flt"
        self.send("owner", name, "poke", self.address(contract), data)

    def new_match(self):
        """Publish both sides of an offer of the token's, and lay out the match of it."""
        world = self.world
        offer = world.bid(developer=self.usdc.address, deposit=1_000)
        ask = world.ask(1, price=10)
        for hashed in (offer, ask):
            self.poke(self.usdc, "market", "publish", world.domain.hash_of(hashed), b"")
        fill = (1, 0, 10, ZERO, ask.valid_until, 0, 0, 1, *EMPTY)
        return (*world._encode_match(offer, None, [], [])[:3], [fill], [], (0, 0, *EMPTY))

    def plant(self, token, contract, function, arguments):
        """Make the token call this in the middle of its next transfer."""
        name = "usdc" if token is self.usdc else "flt"
        data = self.world.contracts[contract].encode(function, arguments)
        self.send("owner", name, "set_call", self.address(contract), data)

    def tried(self, token):
        """Answer how often the planted call was made, and how often it succeeded."""
        chain = self.world.chain
        return tuple(chain.read([(token, "calls", ()), (token, "successes", ())]))


@pytest.fixture(scope="module")
def prepared(accounts, chain, project):
    return Insider(accounts, chain, project)


@pytest.fixture
def insider(prepared):
    yield prepared
    prepared.world.check_conservation()


MARKET_CALLS = {
    "deposit": (1,),
    "withdraw": (1, "0x" + 40 * "1"),
    "register_peer": (KEY, 1, 1, 1, 1, ZERO, "x"),
    "set_units": (1, 8),
    "set_wallet": (1, ZERO),
    "set_endpoint": (1, "y"),
    "publish": (HASH, b""),
    "cancel": (HASH,),
    "bump_counter": (),
    "match": None,
    "activate": ([1],),
    "leave": ([1], 1),
    "drop": ([1], 1),
    "evict": ([1],),
    "release": ([1],),
    "claim": ([1],),
    "claim_and_withdraw": ([1], ZERO),
    "top_up": (1, 1),
    "take": (1, 1),
    "stop": (1,),
    "set_app": (1, APP),
    "set_paused": (False,),
    "offer_ownership": (ZERO,),
    "accept_ownership": (),
    "account_word": (ZERO,),
    "deal_word": (1,),
    "wallet_of": (1,),
    "meter_of": (1,),
}


INNER = {"pay", "convict"}  # only Meter and Audits may call these


def test_reentry__list_of_calls__has_every_function(insider):
    assert set(insider.world.contracts["market"].writes) - INNER <= set(MARKET_CALLS)


@pytest.mark.parametrize("function", MARKET_CALLS)
def test_deposit__token_calls_back__every_function_refuses(insider, function):
    arguments = insider.new_match() if function == "match" else MARKET_CALLS[function]
    insider.plant(insider.usdc, "market", function, arguments)

    insider.send("stranger", "market", "deposit", 5)

    assert insider.tried(insider.usdc) == (1, 0)
    insider.poke(insider.usdc, "market", function, *arguments)


def is_locked_during(insider, role, function, *arguments):
    """Tell whether the token called back in the middle of this, in vain."""
    insider.plant(insider.usdc, "market", "bump_counter", ())
    insider.send(role, "market", function, *arguments)
    return insider.tried(insider.usdc) == (1, 0)


def test_withdraw__token_calls_back__is_locked(insider):
    insider.send("stranger", "market", "deposit", 5)

    assert is_locked_during(insider, "stranger", "withdraw", 5, insider.world.roles["stranger"])


def test_top_up__token_calls_back__is_locked(insider):
    assert is_locked_during(insider, "stranger", "top_up", 1, 50)


@pytest.mark.parametrize("way", ["pull", "permit"])
def test_match__token_calls_back__is_locked(insider, way):
    world = insider.world
    developer = world.roles["developer"]
    if way == "permit":
        insider.send("developer", "market", "deposit", 1_000)
    permit = Permit(2_000, world.now, developer, 0) if way == "permit" else None
    offer, ask = world.bid(deposit=1_000), world.ask(1, price=10)
    insider.poke(insider.usdc, "market", "publish", world.domain.hash_of(ask), b"")
    fill = (1, 0, 10, ZERO, ask.valid_until, 0, 0, 1, *EMPTY)
    told = world._encode_match(offer, developer, [], [], permit)

    assert is_locked_during(insider, "matcher", "match", *told[:3], [fill], [], told[-1])


def test_claim_and_withdraw__token_calls_back__is_locked(insider):
    own_peer_is_paid(insider, insider.world)
    stranger = insider.world.roles["stranger"]

    assert is_locked_during(insider, "provider", "claim_and_withdraw", [2], stranger)


def own_peer_is_paid(insider, world):
    """Let an ordinary provider earn something to withdraw."""
    insider.send("provider", "market", "register_peer", KEY, 1, 9, 0, 0, world.roles["wallet"], "x")
    offer = world.bid(deposit=1_000)
    ask = world.ask(2, price=10)
    signature = world._sign(ask, world.roles["provider"])
    fill = (2, 0, 10, ZERO, ask.valid_until, 0, 0, 1, *signature)
    told = world._encode_match(offer, offer.developer, [], [])
    insider.send("matcher", "market", "match", *told[:3], [fill], [], told[-1])
    insider.send("wallet", "market", "activate", [2])
    world.next_epoch()
    insider.send("wallet", "proofs", "commit", world.epoch - 1, [(2, HASH)])
    world.next_epoch()


@pytest.mark.parametrize(
    ("contract", "function", "arguments"),
    [
        ("staking", "deposit", (1,)),
        ("staking", "request", (1,)),
        ("market", "register_peer", (KEY, 1, 1, 1, 1, ZERO, "x")),
        ("staking", "free", (ZERO,)),
    ],
)
def test_deposit_stake__token_calls_back__is_locked(insider, contract, function, arguments):
    insider.plant(insider.flt, contract, function, arguments)

    insider.send("stranger", "staking", "deposit", 5)

    assert insider.tried(insider.flt) == (1, 0)
    insider.poke(insider.flt, contract, function, *arguments)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [("deposit", (1,)), ("withdraw", (1, "0x" + 40 * "1")), ("free", (ZERO,))],
)
@pytest.mark.parametrize("way", ["deposit", "withdraw"])
def test_audits__token_calls_back__is_locked(insider, function, arguments, way):
    insider.poke(insider.flt, "flt", "approve", insider.address("audits"), 2**255)
    insider.poke(insider.flt, "audits", "deposit", 7)
    insider.send("stranger", "audits", "deposit", 7)
    insider.plant(insider.flt, "audits", function, arguments)
    to = (insider.world.roles["stranger"],) if way == "withdraw" else ()

    insider.send("stranger", "audits", way, 5, *to)

    assert insider.tried(insider.flt) == (1, 0)
    insider.poke(insider.flt, "audits", function, *arguments)


def test_withdraw_stake__token_calls_back__is_locked(insider):
    insider.poke(insider.flt, "staking", "request", 7)
    insider.send("stranger", "staking", "request", 5)
    insider.world.pass_seconds(insider.world.parameters.leaving_delay)
    insider.plant(insider.flt, "staking", "withdraw", ("0x" + 40 * "1",))

    insider.send("stranger", "staking", "withdraw", insider.world.roles["stranger"])

    assert insider.tried(insider.flt) == (1, 0)
    insider.poke(insider.flt, "staking", "withdraw", "0x" + 40 * "1")

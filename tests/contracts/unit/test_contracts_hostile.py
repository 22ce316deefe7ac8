"""Hostile tokens: what they do is their own loss, and nobody gets in twice."""

import ape
import pytest

from tests.contracts.driver.ape_chain import ApeChain
from tests.contracts.driver.stage import Stage

pytestmark = pytest.mark.anvil


@pytest.fixture(scope="module")
def hostile_deployed(accounts, chain, project):
    stage = Stage(
        ApeChain(accounts, chain, project, chain.pending_timestamp + 1_000), usdc="MockToken"
    )
    stage.fund()
    return stage


@pytest.fixture
def hostile(hostile_deployed):
    stage = hostile_deployed.fork()
    yield stage
    stage.check_conservation()


@pytest.fixture
def token(hostile):
    return Hostile(hostile)


class Hostile:
    """The mock token, switched by the owner."""

    def __init__(self, world):
        self.world, self.contract = world, world.contracts["usdc"]
        self.address = self.contract.address

    def do(self, function, *arguments):
        self.world._must(self.world.roles["owner"], "usdc", function, *arguments)

    def read(self, view):
        return self.world.view("usdc", view)

    def try_to(self, contract, function, *arguments, by):
        """Send a call past the model; answer the reason of its revert."""
        world = self.world
        return world.chain.send(
            world.roles[by], world.contracts[contract], function, arguments
        ).reason


def test_deposit__token_that_returns_nothing__works(accounts, chain, project):
    now = chain.pending_timestamp + 1_000
    world = Stage(ApeChain(accounts, chain, project, now), usdc="MockSilentToken")
    world.fund()
    developer = world.roles["developer"]

    world.market.deposit(700, by=developer)
    deal, _ = world.run(world.register())
    world.market.stop(deal, by=developer)
    world.market.withdraw(world.free(developer), developer, by=developer)

    world.check_conservation()


def test_deposit__token_answers_false__reverts(hostile, token):
    token.do("set_faults", True, False)

    assert token.try_to("market", "deposit", 700, by="developer") == "tokens: transfer refused"
    hostile.compare()


def test_withdraw__token_answers_false__reverts_and_keeps_the_money(hostile, token):
    developer = hostile.roles["developer"]
    hostile.market.deposit(700, by=developer)
    token.do("set_faults", True, False)

    reason = token.try_to("market", "withdraw", 700, developer, by="developer")

    assert reason == "tokens: transfer refused"
    token.do("set_faults", False, False)
    hostile.market.withdraw(700, developer, by=developer)


@pytest.mark.parametrize("function", ["deposit", "top_up", "match"])
def test_pull__token_takes_a_fee__reverts(hostile, token, function):
    peer = hostile.register()
    deal, _, _ = hostile.open(hostile.fill(peer))
    offer, fill = hostile.bid(), hostile.fill(peer)
    told = {
        "deposit": (700,),
        "top_up": (deal, 700),
        "match": hostile._encode_match(offer, offer.developer, [fill], []),
    }
    token.do("set_faults", False, True)

    assert token.try_to("market", function, *told[function], by="developer") == "tokens: fee taken"
    hostile.compare()


def test_withdraw__payee_is_blocked__goes_to_another_address(hostile, token):
    peer = hostile.register()
    _, ids = hostile.run(peer)
    hostile.prove_epochs(3, peer)
    provider, stranger = hostile.roles["provider"], hostile.roles["stranger"]
    token.do("set_blocked", provider, True)

    hostile.market.claim(ids, by=stranger)
    reason = token.try_to("market", "withdraw", 5, provider, by="provider")

    assert reason == "mock: blocked"
    hostile.market.withdraw(hostile.free(provider), stranger, by=provider)
    assert hostile.free(provider) == 0


def test_conservation__tokens_sent_unasked__are_nobodys(hostile, token):
    market = hostile.contracts["market"].address
    hostile.give(hostile.roles["stranger"], market, 12_345)
    hostile.law.unasked["usdc"] += 12_345

    hostile.market.deposit(5, by=hostile.roles["developer"])
    with ape.reverts("ledger: not enough free"):
        hostile.market.withdraw(6, hostile.roles["developer"], by=hostile.roles["developer"])

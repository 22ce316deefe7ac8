"""In which order offers come and go, and what a crash or a dead matcher leaves."""

from dataclasses import replace

import pytest

from peer.offers.reconciler import REPEAT_SECONDS, REST_SECONDS, OfferReconciler, Situation, Ways
from peer.offers.signed_offers import SignedOffers
from peer.policy.policy import Policy
from peer.policy.pricing import Machine, Pricing
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.signing.signatures import parse_signature, recover
from wasmarket.kernel.signing.typed_data import digest, market_domain

pytestmark = pytest.mark.unit

DOMAIN = market_domain(31_337, "0x" + "11" * 20)
ACCOUNT = Account.from_key(b"\x07" * 32)
MATCHER, OTHER = "http://one.test", "http://two.test"
START = 1_000_000


class Market:
    """What the keeper reaches: the chain's word, matchers' books, and the order of what came."""

    def __init__(self, path):
        self.path = path
        self.policy = Policy(offers=Pricing(10, valid_seconds=600))
        self.situation = Situation(START, 0, (Machine(3, 4, 0, 0),))
        self.seconds = 0.0
        self.books = {MATCHER: {}, OTHER: {}}
        self.dead = set()
        self.story = []
        self.cancelled = []
        self.start()

    def start(self):
        """Start the keeper, or start it again after a crash."""
        ways = Ways(lambda: self.situation, lambda url: Door(self, url), self.cancelled.append)
        book = SignedOffers(self.path)
        self.keeper = OfferReconciler(
            ACCOUNT, DOMAIN, lambda: self.policy, book, ways, (MATCHER,), lambda: self.seconds
        )

    def step(self, seconds=1):
        """Let time pass, for the chain and for the keeper, and take a turn."""
        self.seconds += seconds
        self.situation = replace(self.situation, now=self.situation.now + int(seconds))
        self.story = []
        self.keeper.step()
        return self.story

    def ask(self, price, **terms):
        self.policy = Policy(offers=Pricing(price, valid_seconds=600, **terms))


class Door:
    def __init__(self, market, url):
        self.market, self.url = market, url

    def post(self, signed):
        self._open()
        message = digest(DOMAIN, signed.hash)
        assert recover(message, parse_signature(signed.signature)) == ACCOUNT.address
        if self.market.books[self.url].get(signed.hash) == "cancelled":
            return False
        self.market.books[self.url][signed.hash] = signed.offer.price
        self.market.story.append(("post", signed.offer.price))
        return True

    def withdraw(self, offer):
        self._open()
        self.market.story.append(("withdraw", self.market.books[self.url].pop(offer)))

    def _open(self):
        if self.url in self.market.dead:
            raise Unreachable(f"{self.url} is dead")


@pytest.fixture
def market(tmp_path):
    return Market(tmp_path / "offers.json")


def test_first_step__posts__and_the_next_does_nothing(market):
    assert market.step() == [("post", 10)]
    assert market.step() == []


def test_new_price__the_old_offer_goes_first(market):
    market.step()
    market.ask(20)

    assert market.step() == [("withdraw", 10), ("post", 20)]
    assert market.cancelled == []


def test_new_price__cancelled_on_chain_too_if_the_policy_says_so(market):
    market.ask(10, withdraw="chain")
    market.step()
    [old] = market.books[MATCHER]
    market.ask(20, withdraw="chain")

    market.step()

    assert market.cancelled == [old]


def test_renewal__at_half_of_its_time__the_new_offer_comes_first(market):
    market.step()

    assert market.step(58) == []
    assert market.step(242) == [("post", 10), ("withdraw", 10)]
    [signed] = market.keeper.chain_view.values()
    assert signed.offer.valid_until == market.situation.now + 600


def test_no_offers_any_more__everything_goes(market):
    market.step()
    market.policy = Policy()

    assert market.step() == [("withdraw", 10)]
    assert market.keeper.chain_view == {}


def test_no_units_any_more__everything_goes(market):
    market.step()
    market.situation = replace(market.situation, machines=(Machine(3, 0, 0, 0),))

    assert market.step() == [("withdraw", 10)]


def test_counter_bumped__old_offers_are_forgotten_and_others_signed(market):
    market.step()
    market.situation = replace(market.situation, counter=1)

    assert market.step() == [("post", 10)]
    assert {signed.offer.counter for signed in market.keeper.chain_view.values()} == {1}


def test_dead_matcher__is_left_alone_for_a_while__then_told(market):
    market.policy = Policy(offers=Pricing(10, valid_seconds=600, matchers=(MATCHER, OTHER)))
    market.dead = {MATCHER}
    assert market.step() == [("post", 10)]
    market.dead = set()

    assert market.step() == []
    assert market.step(REST_SECONDS) == [("post", 10)]
    assert len(market.books[MATCHER]) == len(market.books[OTHER]) == 1


def test_dead_matcher__still_has_the_old_price__is_told_once_it_is_back(market):
    market.step()
    market.ask(20)
    market.dead = {MATCHER}
    market.step()
    market.dead = set()

    assert sorted(market.step(REST_SECONDS)) == [("post", 20), ("withdraw", 10)]


def test_crash__before_the_matcher_was_told__brings_the_same_offer(market):
    market.dead = {MATCHER}
    market.step()
    [before] = market.keeper.chain_view
    market.dead = set()

    market.start()
    market.step()

    assert list(market.books[MATCHER]) == [before]


def test_matcher_that_forgot__is_told_again(market):
    market.step()
    market.books[MATCHER].clear()

    market.step(REPEAT_SECONDS)

    assert len(market.books[MATCHER]) == 1


def test_cancelled_by_hand__another_is_signed_after_a_rest(market):
    market.step()
    [old] = market.books[MATCHER]
    market.books[MATCHER][old] = "cancelled"

    market.step(REPEAT_SECONDS)
    assert market.step() == []
    assert market.step(REST_SECONDS) == [("post", 10)]
    assert len(market.keeper.chain_view) == 1

"""The fake market: the methods of the real one, and money that always adds up."""

import asyncio
import contextlib
import inspect
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import wasmarket
from tests.paths import CHECKOUT
from wasmarket.client.market.developer import Developer
from wasmarket.client.market.provider import Provider
from wasmarket.kernel.errors import Conflict, InvalidInput, NotFound, Refused, RunwayOver, Unfunded
from wasmarket.testing import FakeMarket
from wasmarket.testing.fake_market import FakeDeveloper
from wasmarket.testing.fake_provider import FakeProvider

pytestmark = pytest.mark.unit

GREETING = wasmarket.load_app(CHECKOUT / "examples" / "greeting")


def public(kind):
    return {
        name: inspect.signature(member) if callable(member) else None
        for name, member in vars(kind).items()
        if not name.startswith("_")
    }


@pytest.mark.parametrize(("fake", "real"), [(FakeDeveloper, Developer), (FakeProvider, Provider)])
def test_fake__methods__are_those_of_the_real_one(fake, real):
    assert public(fake) == public(real)


def test_deploy__units_on_offer__runs_at_the_cheapest_and_pays_an_epoch():
    market = FakeMarket(units=2, price="0.03")
    market.add_peer(units=1, price="0.01", region="FR")

    offer = market.developer.deploy(app=GREETING, units=2, deposit="1 USDC")

    deal = market.developer.deal(deal=offer.deal)
    assert [(entry.peer, entry.units) for entry in deal.assignments] == [(2, 1), (1, 1)]
    assert (deal.status, deal.rate) == ("active", Decimal("0.04"))
    assert deal.balance == Decimal("0.96")


def test_deploy__more_than_is_on_offer__is_refused_and_takes_nothing():
    market = FakeMarket(units=1)

    with pytest.raises(Refused, match="only 1 units"):
        market.developer.deploy(app=GREETING, units=2)

    assert market.developer.deals() == []


def test_deploy__more_money_than_there_is__is_unfunded():
    with pytest.raises(Unfunded):
        FakeMarket().developer.deploy(app=GREETING, deposit="10001 USDC")


def test_call__function_that_is_served__gets_its_arguments_and_is_logged():
    market = FakeMarket()
    market.serve("greeting.greeting", lambda name: f"Hi, {name}")
    market.serve("greeting.raw", lambda body: body[::-1])
    deal = market.developer.deploy(app=GREETING).deal

    answer = market.developer.call(deal=deal, function="greeting.greeting", arguments=["World"])
    raw = market.developer.call(deal=deal, function="greeting.raw", body=b"abc")

    assert (answer.value, raw.body) == ("Hi, World", b"cba")
    assert list(market.developer.logs(deal=deal)) == ["greeting.greeting", "greeting.raw"]
    with pytest.raises(NotFound):
        market.developer.call(deal=deal, function="greeting.nothing")


def test_next_epoch__money_is_spent__lapses_and_gives_the_units_back():
    market = FakeMarket(units=1, price="0.5")
    market.serve("a.b", lambda: None)
    deal = market.developer.deploy(app=GREETING, deposit="1 USDC").deal

    market.next_epoch(2)

    assert market.developer.deal(deal=deal).status == "lapsed"
    with pytest.raises(RunwayOver):
        market.developer.call(deal=deal, function="a.b")
    assert market.developer.quote()[0].units == 1


def test_claim__epochs_begun__pays_the_provider_once():
    market = FakeMarket(units=1, price="0.5")
    market.developer.deploy(app=GREETING, deposit="5 USDC")
    market.next_epoch()

    assert market.provider.claim().paid == 1
    assert market.provider.claim().paid == 0
    assert market.provider.balance().free == 1


def test_set_units__below_what_runs__is_refused():
    market = FakeMarket(units=3)
    market.developer.deploy(app=GREETING, units=2)

    with pytest.raises(Conflict):
        market.provider.set_units(peer=1, units=1)


def test_aio__fake__is_awaited_like_the_real_one():
    market = FakeMarket()
    market.serve("greeting.greeting", lambda: "Hi")

    async def play():
        offer = await market.aio.developer.deploy(app=GREETING)
        answer = await market.aio.developer.call(deal=offer.deal, function="greeting.greeting")
        return answer.value, [line async for line in market.aio.developer.logs(deal=offer.deal)]

    assert asyncio.run(play()) == ("Hi", ["greeting.greeting"])


class AddsUp(RuleBasedStateMachine):
    """Whatever is done: no unit of USDC is lost or made, no peer sells more than it has."""

    def __init__(self):
        super().__init__()
        self.market = FakeMarket(units=3, price="0.25")

    @rule(units=st.integers(1, 4), deposit=st.integers(0, 40))
    def deploy(self, units, deposit):
        with contextlib.suppress(Refused, Unfunded):
            self.market.developer.deploy(app=GREETING, units=units, deposit=Decimal(deposit) / 8)

    @rule(units=st.integers(1, 3), price=st.integers(1, 9))
    def add_peer(self, units, price):
        self.market.add_peer(units=units, price=Decimal(price) / 10)

    @rule()
    def pass_time(self):
        self.market.next_epoch()

    @rule(withdraw=st.booleans())
    def claim(self, withdraw):
        self.market.provider.claim(withdraw=withdraw)

    @precondition(lambda self: self.market.developer.deals())
    @rule(data=st.data(), amount=st.integers(0, 20))
    def move(self, data, amount):
        deal = data.draw(st.sampled_from(self.market.developer.deals())).id
        act = data.draw(st.sampled_from(("top_up", "take", "stop", "withdraw")))
        developer, money = self.market.developer, Decimal(amount) / 8
        try:
            if act == "stop":
                developer.stop(deal=deal)
            elif act == "withdraw":
                developer.withdraw()
            else:
                getattr(developer, act)(deal=deal, amount=money)
        except (Refused, Unfunded, InvalidInput):
            pass

    @invariant()
    def money_adds_up(self):
        assert self.market.total == 10_000

    @invariant()
    def peers_sell_what_they_have(self):
        sold = {}
        for deal in self.market.developer.deals():
            for entry in deal.assignments:
                if entry.state == "active":
                    sold[entry.peer] = sold.get(entry.peer, 0) + entry.units
        for number, peer in self.market._ledger.peers.items():
            assert sold.get(number, 0) == peer.used <= peer.units


TestAddsUp = AddsUp.TestCase
TestAddsUp.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestAddsUp.pytestmark = [pytest.mark.unit]


def test_deploy__meter_of_a_deal_that_is_not_metered__is_refused():
    with FakeMarket() as market, pytest.raises(InvalidInput, match="metered") as error:
        market.developer.deploy(app=GREETING, meter="0x" + "11" * 20)

    assert error.value.field == "meter"


def test_metered_deal__calls__pay_for_work_and_not_for_time():
    with FakeMarket(units=1, price="0.01") as market:
        market.provider.offer(peer=1, price="300", metered=True)
        market.serve("greeting.greeting", lambda name: f"Hi, {name}")
        deal = market.developer.deploy(app=GREETING, metered=True, deposit="1000").deal
        total = market.total
        market.next_epoch(5)
        idle = market.developer.deal(deal=deal).balance
        for _ in range(10):
            market.developer.call(deal=deal, function="greeting.greeting", arguments=["World"])
        market.next_epoch()

        [used] = market.developer.usage(deal=deal)
        assert idle == 1_000
        assert used.work > 10 * 1_000_000
        assert used.paid == Decimal(used.work * 300 // 10**6) / 10**6
        assert market.developer.deal(deal=deal).balance == 1_000 - used.paid
        assert market.provider.balance().free == used.paid
        assert market.developer.stop(deal=deal) == 0
        market.developer.take(deal=deal, amount=1_000 - used.paid)
        assert market.total == total


def test_compare__load__is_priced_both_ways():
    with FakeMarket(units=1, price="0.33") as market:
        market.provider.offer(peer=1, price="0.28", metered=True)

        found = market.developer.compare(calls=2_000_000, ms=5)

        assert (found.reserved, found.metered) == (Decimal("9.9"), Decimal("3.36896"))

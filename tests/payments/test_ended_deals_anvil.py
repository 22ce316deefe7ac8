"""Deals that stop, end or lapse between paying and delivery, on a real chain.

The money arrives once where it was set to go, and the buyer reads where.
"""

import dataclasses

import pytest

from tests.matcher.anvil_town import AnvilTown, deploy
from tests.matcher.fake_town import Http
from tests.payments.anvil_shop import TREASURY, AnvilShop, TreasuryChain
from tests.payments.shop import BOUGHT, SETTINGS
from tests.wasmarket.store.stores import copy_store
from wasmarket.chain.contracts.fills import build_fill
from wasmarket.chain.development.anvil import Anvil
from wasmarket.kernel.errors import TimedOut
from wasmarket.kernel.events import DealCreated
from wasmarket.store.enums import CheckoutState, DeliveryState

pytestmark = pytest.mark.anvil

PRICE, DEPOSIT = 1_000, 4_000
GWEI = 10**9


class DealTown(AnvilTown):
    """A developer with deals of one unit each."""

    def settle_in(self):
        super().settle_in()
        self.salt = 0
        self.send(self.developer, self.usdc, "approve", self.market.address, 2**256 - 1)
        self.send(TREASURY, self.faucet, "drip", TREASURY.address)

    def make_deal(self, **terms):
        """Make a deal that its peer serves; return its number."""
        self.salt += 1
        bid = self.bid(**({"units": 1, "deposit": DEPOSIT} | terms))
        # Units of deals that have ended are not free again at once.
        peer, owner = ((1, self.provider), (2, self.other))[self.salt % 2]
        ask = self.ask(peer, PRICE, salt=self.salt)
        fill = build_fill(ask, 1, self.sign(ask, owner))
        match = self.market.match(bid, self.sign(bid, self.developer), [fill], [])
        [created] = self.sender(self.developer).send(match).find(DealCreated)
        number = int(self.lens.read("assignment_count"))
        self.send(owner, self.market, "activate", [number])
        return created.deal

    def stop(self, deal):
        self.send(self.developer, self.market, "stop", deal)

    def balance(self, deal):
        [state] = self.lens.deals([deal])
        return state.balance

    def held(self):
        """Return what the developer has, also what is free in the market."""
        address = self.developer.address
        return self.usdc.balance(address) + self.market.account(address).free


def stop(town, deal):
    town.stop(deal)


def end(town, deal):
    """Let its planned end pass."""
    for _ in range(3):
        town.pass_epoch()


@pytest.fixture(scope="module")
def town():
    with Anvil.start() as anvil:
        town = DealTown(anvil, deploy(anvil))
        town.settle_in()
        yield town


@pytest.fixture
def make_shop(town, payments_template, tmp_path):
    made = []

    def make(**settings):
        database = copy_store(payments_template, tmp_path / "store.sqlite")
        chosen = dataclasses.replace(SETTINGS, **settings)
        node = TreasuryChain(town.anvil, town.deployment)
        made.append((AnvilShop(database, tmp_path, chosen, node), database))
        return made[-1][0]

    yield make
    for shop, database in made:
        shop.close()
        database.close()


def pay_for(shop, deal):
    """Pay for a deal; the gateway knows of it and has sent nothing."""
    checkout = shop.open(deal=deal)
    shop.pay(checkout)
    shop.tell()
    shop.look()
    return checkout


def finish(shop, checkout):
    """Let blocks and turns pass until nothing of a purchase is on its way."""
    for _ in range(15):
        shop.mine(2)
        shop.now += 3_700
        shop.look()
        shop.deliver()
        if shop.delivery(checkout).state in (DeliveryState.FINAL, DeliveryState.CANCELLED):
            shop.look()
            return
    raise AssertionError(shop.delivery(checkout))


def told(shop, checkout):
    """Return what the buyer reads on the page."""
    return Http(shop.gateway.app).get(f"/checkouts/{checkout}").text


@pytest.mark.parametrize(("terms", "happen"), [({}, stop), ({"epochs": 1}, end)])
def test_purchase__deal_stops_or_ends_after_paying__goes_to_its_developer(
    town, make_shop, terms, happen
):
    shop, deal = make_shop(when_stopped="account"), town.make_deal(**terms)
    checkout = pay_for(shop, deal)
    happen(town, deal)
    held = town.held()

    shop.deliver()
    finish(shop, checkout)

    assert town.held() == held + BOUGHT
    assert shop.read(checkout).state is CheckoutState.DELIVERED
    assert f"deal {deal} has ended: the USDC went to its developer" in told(shop, checkout)
    assert shop.differences() == []


@pytest.mark.parametrize(("terms", "happen"), [({}, stop), ({"epochs": 1}, end)])
def test_purchase__deal_stops_or_ends_and_the_operator_says_card__goes_back_whole(
    town, make_shop, terms, happen
):
    shop, deal = make_shop(when_stopped="card"), town.make_deal(**terms)
    checkout = pay_for(shop, deal)
    happen(town, deal)
    held = town.held()

    shop.deliver()
    finish(shop, checkout)

    found = shop.read(checkout)
    assert (found.state, found.refunded) == (CheckoutState.REFUNDED, found.amount)
    assert town.held() == held
    assert f"deal {deal} has ended" in told(shop, checkout)
    assert shop.differences() == []


def test_purchase__deal_lapses_after_paying__is_in_the_deal(town, make_shop):
    shop, deal = make_shop(), town.make_deal()
    checkout = pay_for(shop, deal)
    for _ in range(DEPOSIT // PRICE + 2):
        town.pass_epoch()
    assert town.balance(deal) < PRICE

    shop.deliver()
    finish(shop, checkout)

    assert town.balance(deal) >= BOUGHT
    assert shop.read(checkout).state is CheckoutState.DELIVERED
    town.stop(deal)
    assert shop.differences() == []


@pytest.mark.parametrize("when_stopped", ["account", "card"])
def test_purchase__deal_stopped_while_the_top_up_waits_to_be_mined__arrives_once(
    town, make_shop, when_stopped
):
    shop, deal = make_shop(when_stopped=when_stopped), town.make_deal()
    shop.gateway.treasury.approve()
    checkout = pay_for(shop, deal)
    town.anvil.cheats.set_automine(False)
    shop.node.patience = 0.5
    shop.kill()
    try:
        assert isinstance(shop.deliver(), TimedOut)
        assert shop.delivery(checkout).state is DeliveryState.SIGNED
        overtake(town, deal)
    finally:
        town.anvil.cheats.set_automine(True)
    [state] = town.lens.deals([deal])
    assert state.stopped
    held = town.held()
    shop.node.patience = 20.0
    shop.kill()

    finish(shop, checkout)

    is_returned = when_stopped == "card"
    assert town.held() == held + (0 if is_returned else BOUGHT)
    ended = CheckoutState.REFUNDED if is_returned else CheckoutState.DELIVERED
    assert shop.read(checkout).state is ended
    assert f"deal {deal} has ended" in told(shop, checkout)
    assert shop.differences() == []


def overtake(town, deal):
    """Have a deal stopped in the block in which what waits is mined, before that."""
    call = town.market.call("stop", deal)
    transaction = {
        "from": town.developer.address,
        "to": call.to,
        "data": "0x" + call.data.hex(),
        "gas": hex(500_000),
        "maxFeePerGas": hex(500 * GWEI),
        "maxPriorityFeePerGas": hex(400 * GWEI),
    }
    town.rpc.request("eth_sendTransaction", [transaction])
    town.anvil.cheats.mine()

"""top_up, take, stop and set_app: what money a deal has, and how it ends."""

import ape
import pytest

from tests.contracts.driver.stage import DEPOSIT, PRICE, field

pytestmark = pytest.mark.anvil


def test_top_up__by_a_stranger__adds_their_tokens(world, peer, stranger):
    deal, _, _ = world.open(world.fill(peer))
    before = world.view("usdc", "balanceOf", stranger)

    outcome = world.market.top_up(deal, 500, by=stranger)

    assert outcome.events[0].fields == {"deal": deal, "by": stranger, "balance": DEPOSIT + 500}
    assert world.view("usdc", "balanceOf", stranger) == before - 500
    assert world.deal(deal)["balance"] == DEPOSIT + 500


def test_top_up__free_money_first__pulls_the_rest(world, peer, developer):
    deal, _, _ = world.open(world.fill(peer))
    world.market.deposit(200, by=developer)
    world.allow(developer, 300)

    world.market.top_up(deal, 500, by=developer)

    assert world.free(developer) == 0


@pytest.mark.parametrize("amount", [0, 2**64])
def test_top_up__amount_out_of_range__reverts(world, peer, developer, amount):
    deal, _, _ = world.open(world.fill(peer))

    with ape.reverts("ledger: amount out of range"):
        world.market.top_up(deal, amount, by=developer)


@pytest.mark.parametrize(
    ("amount", "fits"), [(2**64 - 1 - DEPOSIT, True), (2**64 - DEPOSIT, False)]
)
def test_top_up__balance__stays_below_64_bits(world, peer, developer, amount, fits):
    world.mint(developer, 2**64)
    deal, _, _ = world.open(world.fill(peer))

    if fits:
        world.market.top_up(deal, amount, by=developer)
        assert world.deal(deal)["balance"] == 2**64 - 1
    else:
        with ape.reverts("deals: balance too large"):
            world.market.top_up(deal, amount, by=developer)


def test_top_up__no_such_deal__reverts(world, developer):
    for number in (0, 1):
        with ape.reverts("deals: no such deal"):
            world.market.top_up(number, 5, by=developer)


def test_top_up__stopped__reverts(world, peer, developer):
    deal, _, _ = world.open(world.fill(peer))
    world.market.stop(deal, by=developer)

    with ape.reverts("deals: stopped"):
        world.market.top_up(deal, 5, by=developer)


def test_top_up__planned_end__is_the_last_epoch_for_it(world, peer, developer):
    deal, _, _ = world.open(world.fill(peer), epochs=2)
    world.next_epoch(2)
    world.market.top_up(deal, 5, by=developer)
    world.next_epoch()

    with ape.reverts("deals: ended"):
        world.market.top_up(deal, 5, by=developer)


def test_top_up__not_allowed_by_the_token__reverts(world, peer, stranger):
    deal, _, _ = world.open(world.fill(peer))
    world.allow(stranger, 499)

    with ape.reverts("erc20: not enough allowance"):
        world.market.top_up(deal, 500, by=stranger)


def test_take__a_part__becomes_free_money(world, peer, developer):
    deal, _ = world.run(peer)

    outcome = world.market.take(deal, 300, by=developer)

    assert field(outcome, "DealBalance", "balance") == DEPOSIT - PRICE - 300
    assert world.free(developer) == 300


def test_take__more_than_the_settled_balance__reverts(world, peer, developer):
    deal, _ = world.run(peer)
    world.next_epoch()

    with ape.reverts("deals: not enough balance"):
        world.market.take(deal, DEPOSIT - 2 * PRICE + 1, by=developer)
    world.market.take(deal, DEPOSIT - 2 * PRICE, by=developer)


@pytest.mark.parametrize("amount", [0, 2**64])
def test_take__amount_out_of_range__reverts(world, peer, developer, amount):
    deal, _, _ = world.open(world.fill(peer))

    with ape.reverts("ledger: amount out of range"):
        world.market.take(deal, amount, by=developer)


@pytest.mark.parametrize("function", ["take", "stop", "set_app"])
@pytest.mark.parametrize("by", ["stranger", "provider", "owner", "matcher"])
def test_own_deal__not_the_developer__reverts(world, peer, function, by):
    deal, _, _ = world.open(world.fill(peer))
    arguments = {"take": (1,), "stop": (), "set_app": (b"\7" * 32,)}[function]

    with ape.reverts("deals: not the developer"):
        getattr(world.market, function)(deal, *arguments, by=world.roles[by])


@pytest.mark.parametrize("function", ["take", "stop", "set_app"])
def test_own_deal__no_such_deal__reverts(world, developer, function):
    arguments = {"take": (1,), "stop": (), "set_app": (b"\7" * 32,)}[function]

    with ape.reverts("deals: not the developer"):
        getattr(world.market, function)(1, *arguments, by=developer)


def test_stop__running__pays_the_epoch_and_returns_the_rest(world, peer, developer):
    deal, ids = world.run(peer)
    world.next_epoch(2, 70)

    outcome = world.market.stop(deal, by=developer)

    assert outcome.events[-1].fields == {
        "deal": deal,
        "end": world.epoch,
        "returned": DEPOSIT - 3 * PRICE,
    }
    assert world.free(developer) == DEPOSIT - 3 * PRICE
    assert world.deal(deal)["status"] == 4
    world.next_epoch()
    assert world.deal(deal)["status"] == 5
    assert not world.assignment(ids[0])["alive"]


def test_stop__twice__reverts(world, peer, developer):
    deal, _, _ = world.open(world.fill(peer))
    world.market.stop(deal, by=developer)

    with ape.reverts("deals: stopped"):
        world.market.stop(deal, by=developer)


def test_stop__after_the_planned_end__returns_what_is_left(world, peer, developer):
    deal, _ = world.run(peer, epochs=2)
    end = world.epoch + 2
    world.next_epoch(7)

    outcome = world.market.stop(deal, by=developer)

    assert field(outcome, "Stopped", "end") == end
    assert field(outcome, "Stopped", "returned") == DEPOSIT - 3 * PRICE


def test_stop__after_a_lapse__returns_the_remainder(world, peer, developer):
    deal, _ = world.run(peer, deposit=2 * PRICE + 5)
    world.next_epoch(5)
    assert world.deal(deal)["status"] == 3

    outcome = world.market.stop(deal, by=developer)

    assert field(outcome, "Stopped", "returned") == 5
    assert field(outcome, "Lapsed", "balance") == 5


def test_set_app__any_time__is_announced(world, peer, developer):
    deal, _, _ = world.open(world.fill(peer))

    outcome = world.market.set_app(deal, b"\7" * 32, by=developer)

    assert outcome.events[0].fields == {"deal": deal, "app": b"\7" * 32}


def test_deal__lapse_and_refill__starts_a_new_run(world, peer, other_peer, developer, stranger):
    deal, [first], offer = world.open(world.fill(peer), deposit=2 * PRICE, valid_until=2**200)
    world.activate([first])
    world.next_epoch(3)
    world.market.top_up(deal, 10 * PRICE, by=stranger)
    assert world.deal(deal)["status"] == 3

    outcome = world.match(offer, [world.fill(other_peer)], current=[first])
    second = field(outcome, "Assigned", "assignment")
    world.activate([second])
    world.next_epoch()

    assert world.deal(deal)["status"] == 2
    assert world.deal(deal)["run"] == 1
    assert world.deal(deal)["balance"] == 8 * PRICE
    assert world.assignment(first)["end_of"] == world.epoch - 3


def test_deal__money_for_one_of_two_peers__ends_both(world, peer, other_peer):
    deal, ids = world.run(peer, other_peer, deposit=5 * PRICE)
    world.next_epoch(2)

    assert world.deal(deal)["status"] == 3
    assert world.deal(deal)["balance"] == PRICE
    assert not any(world.assignment(i)["alive"] for i in ids)


@pytest.mark.parametrize("epochs", [1, 2, 3, 7])
def test_deal__runway__is_exact(world, peer, epochs):
    deal, _ = world.run(peer, deposit=(epochs + 1) * PRICE + 999)
    assert world.deal(deal)["runway"] == epochs

    world.next_epoch(epochs)
    assert (world.deal(deal)["status"], world.deal(deal)["runway"]) == (2, 0)
    world.next_epoch()
    assert world.deal(deal)["status"] == 3


def test_deal__money_beyond_the_planned_end__is_funded_to_the_end(world, peer):
    deal, _ = world.run(peer, epochs=2)

    assert world.deal(deal)["runway"] == DEPOSIT // PRICE - 1
    assert world.deal(deal)["last_funded"] == world.epoch + 2

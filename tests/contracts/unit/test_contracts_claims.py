"""claim: proven epochs pay the provider, the others go back; nobody can spoil it."""

import itertools

import ape
import pytest

from tests.contracts.driver.stage import DEPOSIT, PRICE, field, skips

pytestmark = pytest.mark.anvil


def test_claim__proven_epochs__pay_the_provider(world, peer, provider, developer, stranger):
    _, [assignment] = world.run(peer, units=2)
    world.prove_epochs(3, peer)
    world.next_epoch()

    outcome = world.market.claim([assignment], by=stranger)

    assert outcome.events[0].fields == {
        "assignment": assignment,
        "provider": provider,
        "last": world.epoch - 2,
        "paid": 6 * PRICE,
        "refunded": 0,
    }
    assert world.free(provider) == 6 * PRICE
    assert world.free(developer) == 0


def test_claim__unproven_epochs__go_back_to_the_developer(world, peer, provider, developer):
    _, ids = world.run(peer)
    world.next_epoch()
    world.prove(peer)
    world.next_epoch(4)

    world.market.claim(ids, by=developer)

    assert world.free(provider) == PRICE
    assert world.free(developer) == 3 * PRICE


@pytest.mark.parametrize("first_is_proven", [True, False])
def test_claim__share_of_the_first_epoch__follows_its_proof(
    world, peer, provider, developer, first_is_proven
):
    _, ids, _ = world.open(world.fill(peer, 3))
    world.pass_seconds(37)
    world.activate(ids)
    share = 3 * PRICE * (65_536 - 37 * 65_536 // 100) // 65_536
    world.next_epoch()
    if first_is_proven:
        world.prove(peer)
    world.next_epoch()
    world.prove(peer, ago=1)
    world.next_epoch()

    world.market.claim(ids, by=provider)

    expected = (share + 3 * PRICE, 0) if first_is_proven else (3 * PRICE, share)
    assert (world.free(provider), world.free(developer)) == expected


def test_claim__share_claimed_alone__is_not_skipped_again_later(world, peer, provider):
    _, ids, _ = world.open(world.fill(peer))
    world.pass_seconds(50)
    world.activate(ids)
    world.prove_epochs(2, peer)
    world.market.claim(ids, by=provider)
    assert world.free(provider) == PRICE // 2
    world.next_epoch()

    world.market.claim(ids, by=provider)

    assert world.free(provider) == PRICE // 2 + PRICE


def test_claim__window_still_open__is_reason_41(world, peer, provider):
    _, ids = world.run(peer)
    world.next_epoch()
    assert skips(world.market.claim(ids, by=provider)) == [41]
    world.next_epoch()

    assert skips(world.market.claim(ids, by=provider)) == []
    assert skips(world.market.claim(ids, by=provider)) == [41]


def test_claim__dead_and_all_claimed__is_reason_41(world, peer, developer):
    deal, ids = world.run(peer)
    world.market.stop(deal, by=developer)
    world.next_epoch(5)
    world.market.claim(ids, by=developer)

    assert skips(world.market.claim(ids, by=developer)) == [41]


def test_claim__pending_or_unknown__is_reason_40(world, peer, provider):
    _, [pending], _ = world.open(world.fill(peer))
    world.next_epoch(5)

    assert skips(world.market.claim([pending, 99, 0], by=provider)) == [40, 40, 40]


@pytest.mark.parametrize("epochs", [12, 13])
def test_claim__ended_and_all_claimed__clears_the_word_when_no_case_can_come(
    world, peer, wallet, epochs
):
    _, [assignment] = world.run(peer)
    world.next_epoch()
    world.market.leave([assignment], 56, by=wallet)
    end = world.epoch - 1
    world.next_epoch(3)
    world.market.claim([assignment], by=wallet)
    assert world.assignment(assignment)["next"] == end + 1
    world.next_epoch(end + epochs - world.epoch)

    assert skips(world.market.claim([assignment], by=wallet)) == [41]

    is_kept = epochs == 12
    assert (world.view("market", "assignment_word", assignment) != 0) == is_kept
    assert skips(world.market.claim([assignment], by=wallet)) == [41 if is_kept else 40]


def test_claim__long_after_the_end__clears_the_word_at_once(world, peer, wallet):
    _, [assignment] = world.run(peer)
    world.next_epoch()
    world.market.leave([assignment], 56, by=wallet)
    world.next_epoch(20)

    assert skips(world.market.claim([assignment], by=wallet)) == []

    assert world.view("market", "assignment_word", assignment) == 0


def test_claim__dead_and_not_released__keeps_the_word_for_its_units(world, peer, stranger):
    _, [assignment] = world.run(peer, units=3, epochs=2)
    world.next_epoch(20)

    assert skips(world.market.claim([assignment], by=stranger)) == []
    assert skips(world.market.claim([assignment], by=stranger)) == [41]
    assert world.peer(peer)["used"] == 3
    assert skips(world.market.release([assignment], by=stranger)) == []

    assert world.peer(peer)["used"] == 0
    assert skips(world.market.claim([assignment], by=stranger)) == [41]
    assert world.view("market", "assignment_word", assignment) == 0


def test_claim__lapsed_deal__pays_to_the_last_funded_epoch(world, peer, provider, developer):
    _, ids = world.run(peer, deposit=3 * PRICE + 7)
    world.prove_epochs(6, peer)

    outcome = world.market.claim(ids, by=provider)

    assert [e.name for e in outcome.events] == ["Lapsed", "Claimed"]
    assert world.free(provider) == 3 * PRICE
    assert world.deal(1)["balance"] == 7
    assert world.free(developer) == 0


def test_claim__many_at_once__pays_each(world, peer, other_peer, provider, other_provider):
    _, first = world.run(peer, other_peer)
    _, second = world.run(other_peer, peer, units=2)
    world.prove_epochs(2, peer, other_peer)

    world.market.claim([*first, 99, *second, *first], by=provider)

    assert world.free(provider) == world.free(other_provider) == 3 * PRICE


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_claim__any_order__gives_the_same(world, peer, other_peer, provider, developer, order):
    _, ids, _ = world.open(
        world.fill(peer), world.fill(other_peer, price=333), world.fill(peer, 2, price=77)
    )
    world.pass_seconds(11)
    world.activate(ids)
    world.next_epoch()
    world.prove(peer)
    world.next_epoch(2)
    world.prove(other_peer)
    world.next_epoch(2)

    for index in order:
        world.market.claim([ids[index]], by=provider)
        world.next_epoch()

    world.market.claim(ids, by=provider)
    [last_peer, last_other] = [world.free(world.roles[r]) for r in ("provider", "other_provider")]
    assert last_peer == PRICE * 58_328 // 65_536 + 2 * 77 * 58_328 // 65_536
    assert last_other == 333


def test_claim__three_years_later__takes_1024_epochs_a_call(world, peer, developer):
    _, ids = world.run(peer, deposit=1_100 * PRICE)
    first = world.epoch
    world.next_epoch(1_095)

    outcome = world.market.claim(ids, by=developer)
    assert field(outcome, "Claimed", "last") == first + 1_023
    assert world.free(developer) == 1_024 * PRICE
    outcome = world.market.claim(ids, by=developer)

    assert field(outcome, "Claimed", "last") == world.epoch - 2
    assert world.free(developer) == 1_094 * PRICE


def test_claim__developer_is_the_provider__adds_both_up(world, peer, provider):
    _, ids, _ = world.open(world.fill(peer), developer=provider)
    world.activate(ids)
    world.next_epoch()
    world.prove(peer)
    world.next_epoch(2)

    world.market.claim(ids, by=provider)

    assert world.free(provider) == 2 * PRICE


def test_claim_and_withdraw__own_pay__goes_out(world, peer, provider, stranger):
    _, ids = world.run(peer)
    world.prove_epochs(3, peer)
    before = world.view("usdc", "balanceOf", stranger)
    world.market.deposit(5, by=provider)

    outcome = world.market.claim_and_withdraw(ids, stranger, by=provider)

    assert [e.name for e in outcome.events] == ["Claimed", "Withdrawn"]
    assert world.view("usdc", "balanceOf", stranger) == before + 2 * PRICE
    assert world.free(provider) == 5


def test_claim_and_withdraw__pay_of_others__stays_theirs(world, peer, provider, stranger):
    _, ids = world.run(peer)
    world.prove_epochs(3, peer)

    outcome = world.market.claim_and_withdraw(ids, stranger, by=stranger)

    assert [e.name for e in outcome.events] == ["Claimed"]
    assert world.free(provider) == 2 * PRICE


def test_claim_and_withdraw__refund_of_the_caller__stays_free(world, peer, developer):
    _, ids = world.run(peer)
    world.next_epoch(3)

    outcome = world.market.claim_and_withdraw(ids, developer, by=developer)

    assert [e.name for e in outcome.events] == ["Claimed"]
    assert world.free(developer) == 2 * PRICE


def test_claim_and_withdraw__to_nobody__reverts_whole(world, peer, provider):
    _, ids = world.run(peer)
    world.prove_epochs(3, peer)

    with ape.reverts("tokens: bad receiver"):
        world.market.claim_and_withdraw(ids, world.contracts["market"].address, by=provider)
    assert world.free(provider) == 0


def test_claim_and_withdraw__nothing_final__is_no_error(world, peer, provider):
    _, ids = world.run(peer)

    assert skips(world.market.claim_and_withdraw(ids, provider, by=provider)) == [41]
    assert world.deal(1)["balance"] == DEPOSIT - PRICE

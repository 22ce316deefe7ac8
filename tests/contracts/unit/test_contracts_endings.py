"""leave, drop, evict and release: how an assignment ends, and who bears the epoch begun."""

import pytest

from tests.contracts.driver.stage import DEPOSIT, PRICE, field, skips

pytestmark = pytest.mark.anvil

BOND = 100 * 10**18
FEE = 10 * 10**18


def test_leave__active__gives_the_epoch_back_to_the_deal(world, peer, wallet):
    deal, [assignment] = world.run(peer, units=2)
    world.next_epoch(2, 40)

    outcome = world.market.leave([assignment], 54, by=wallet)

    assert outcome.events[-1].fields == {
        "assignment": assignment,
        "deal": deal,
        "peer": peer,
        "end": world.epoch - 1,
        "kind": 1,
        "why": 54,
        "balance": DEPOSIT - 4 * PRICE,
        "rate": 0,
    }
    assert world.assignment(assignment)["state"] == 3
    assert world.peer(peer)["used"] == world.deal(deal)["units"] == 0


def test_leave__pending__is_free_and_clears_the_word(world, peer, wallet):
    deal, [assignment], _ = world.open(world.fill(peer))

    outcome = world.market.leave([assignment], 48, by=wallet)

    assert field(outcome, "Ended", "end") == 0
    assert world.deal(deal)["balance"] == DEPOSIT
    assert world.view("market", "assignment_word", assignment) == 0


def test_leave__by_the_provider__counts(world, peer, provider):
    _, ids = world.run(peer)

    assert skips(world.market.leave(ids, 56, by=provider)) == []


@pytest.mark.parametrize("by", ["developer", "other_provider", "stranger"])
def test_leave__by_anybody_else__is_reason_21(world, peer, by):
    _, ids = world.run(peer)

    assert skips(world.market.leave(ids, 56, by=world.roles[by])) == [21]


def test_leave__ended_or_unknown__is_reason_30(world, peer, wallet):
    _, [assignment] = world.run(peer)
    world.next_epoch()
    world.market.leave([assignment], 56, by=wallet)

    assert skips(world.market.leave([assignment, 99, 0], 56, by=wallet)) == [30, 30, 30]


def test_leave__dead__is_reason_32(world, peer, developer, wallet):
    deal, ids = world.run(peer)
    world.market.stop(deal, by=developer)

    assert skips(world.market.leave(ids, 56, by=wallet)) == [32]


def test_drop__active__pays_the_epoch_begun(world, peer, developer):
    deal, [assignment] = world.run(peer, units=2)
    world.next_epoch(2)

    outcome = world.market.drop([assignment], 65, by=developer)

    assert field(outcome, "Ended", "end") == world.epoch
    assert field(outcome, "Ended", "kind") == 2
    assert world.deal(deal)["balance"] == DEPOSIT - 6 * PRICE
    assert world.deal(deal)["rate"] == 0


def test_drop__pending__is_free(world, peer, developer):
    deal, [assignment], _ = world.open(world.fill(peer))

    outcome = world.market.drop([assignment], 64, by=developer)

    assert field(outcome, "Ended", "end") == 0
    assert world.deal(deal)["balance"] == DEPOSIT
    assert world.peer(peer)["used"] == 0


@pytest.mark.parametrize("by", ["provider", "wallet", "other_developer", "matcher"])
def test_drop__not_the_developer__is_reason_33(world, peer, by):
    _, ids = world.run(peer)

    assert skips(world.market.drop(ids, 64, by=world.roles[by])) == [33]


def test_drop__ended_or_unknown__is_reason_30(world, peer, developer):
    _, [assignment] = world.run(peer)
    world.market.drop([assignment], 64, by=developer)

    assert skips(world.market.drop([assignment, 99], 64, by=developer)) == [30, 30]


def test_drop__dead__is_reason_32(world, peer, developer):
    deal, ids = world.run(peer)
    world.market.stop(deal, by=developer)

    assert skips(world.market.drop(ids, 64, by=developer)) == [32]


def test_drop__same_id_twice_in_a_batch__ends_once(world, peer, developer):
    _, [assignment] = world.run(peer)

    assert skips(world.market.drop([assignment, assignment], 64, by=developer)) == [30]


@pytest.mark.parametrize(("late", "reasons"), [(60, [34]), (61, [])])
def test_evict__pending__only_after_the_time_to_answer(world, peer, stranger, late, reasons):
    _, ids, _ = world.open(world.fill(peer))
    world.pass_seconds(late)

    assert world.view("lens", "evictable", ids) == (not reasons,)
    assert skips(world.market.evict(ids, by=stranger)) == reasons


def test_evict__pending__fines_the_peer_and_shrinks_it(world, peer, provider, stranger):
    deal, ids, _ = world.open(world.fill(peer, 3))
    free = {a: world.view("staking", "free", a) for a in (provider, stranger)}
    world.pass_seconds(61)
    ready = world.now + world.parameters.leaving_delay

    outcome = world.market.evict(ids, by=stranger)

    assert field(outcome, "Ended", "kind") == 3
    assert field(outcome, "PeerUnits", "units") == world.peer(peer)["units"] == 1
    assert world.view("staking", "locked", provider) == BOND
    assert world.view("staking", "free", stranger) == free[stranger] + 3 * FEE
    assert world.view("staking", "free", provider) == free[provider]
    assert world.view("staking", "leaving", provider) == (3 * (BOND - FEE), ready)
    assert world.deal(deal)["balance"] == DEPOSIT


@pytest.mark.parametrize(("epochs", "reasons"), [(3, [34]), (4, [])])
def test_evict__active__only_after_the_missed_epochs(world, peer, stranger, epochs, reasons):
    _, ids = world.run(peer)
    world.pulse(epochs)

    assert skips(world.market.evict(ids, by=stranger)) == reasons


def test_evict__epoch_before_the_start__is_none_that_was_missed(world, peer, stranger):
    world.pulse(1)
    _, ids = world.run(peer)
    world.pulse(3)

    assert world.view("lens", "evictable", ids) == (False,)
    assert skips(world.market.evict(ids, by=stranger)) == [34]
    world.pulse(1)
    assert skips(world.market.evict(ids, by=stranger)) == []


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_evict__an_epoch_without_a_pulse__is_reason_34(world, peer, stranger, missing):
    _, ids = world.run(peer)
    for epoch in range(4):
        if epoch == missing:
            world.next_epoch()
        else:
            world.pulse(1)

    assert world.view("lens", "evictable", ids) == (False,)
    assert skips(world.market.evict(ids, by=stranger)) == [34]


def test_evict__epochs_that_are_not_final__need_no_pulse(world, peer, stranger):
    _, ids = world.run(peer)
    world.pulse(3)
    world.next_epoch()

    assert world.view("lens", "evictable", ids) == (True,)
    assert skips(world.market.evict(ids, by=stranger)) == []


def test_evict__peer_that_is_sold_out__is_not_short(world, peer, stranger):
    _, ids = world.run(peer, units=4)

    assert world.view("lens", "evictable", ids) == (False,)
    assert skips(world.market.evict(ids, by=stranger)) == [34]


def test_evict__active__gives_the_epoch_begun_back(world, peer, stranger):
    deal, [assignment] = world.run(peer)
    world.pulse(4)

    outcome = world.market.evict([assignment], by=stranger)

    assert field(outcome, "Ended", "end") == world.epoch - 1
    assert world.deal(deal)["balance"] == DEPOSIT - 4 * PRICE


@pytest.mark.parametrize("proven_after", [1, 2, 3, 4])
def test_evict__one_proof_in_the_window__is_reason_34(world, peer, stranger, proven_after):
    _, ids = world.run(peer)
    world.pulse(proven_after)
    world.prove(peer)
    world.pulse(4 - proven_after)

    assert skips(world.market.evict(ids, by=stranger)) == [34]


def test_evict__proof_older_than_the_window__does_not_help(world, peer, stranger):
    _, ids = world.run(peer)
    world.pulse(1)
    world.prove(peer)
    world.pulse(4)

    assert skips(world.market.evict(ids, by=stranger)) == []


def test_evict__ended_or_unknown__is_reason_30(world, peer, wallet, stranger):
    _, [assignment] = world.run(peer)
    world.next_epoch()
    world.market.leave([assignment], 56, by=wallet)

    assert skips(world.market.evict([assignment, 99], by=stranger)) == [30, 30]


def test_evict__dead__is_reason_32(world, peer, developer, stranger):
    deal, ids = world.run(peer)
    world.market.stop(deal, by=developer)
    world.next_epoch(9)

    assert skips(world.market.evict(ids, by=stranger)) == [32]


def test_evict__two_assignments_of_one_peer__fines_each_once(world, peer, stranger, provider):
    _, first, _ = world.open(world.fill(peer))
    _, second, _ = world.open(world.fill(peer, 2))
    world.pass_seconds(61)

    world.market.evict([*first, *second, *first], by=stranger)

    assert world.peer(peer)["units"] == 1
    assert world.view("staking", "locked", provider) == BOND


def test_release__after_stop__returns_units_at_once(world, peer, developer, stranger):
    deal, [assignment] = world.run(peer)
    world.market.stop(deal, by=developer)

    outcome = world.market.release([assignment], by=stranger)

    assert field(outcome, "Ended", "kind") == 4
    assert field(outcome, "Ended", "end") == world.epoch
    assert world.peer(peer)["used"] == 0


def test_release__after_a_lapse__ends_with_the_last_funded_epoch(world, peer, stranger):
    deal, [assignment] = world.run(peer, deposit=3 * PRICE)
    last = world.epoch + 2
    world.next_epoch(9)

    outcome = world.market.release([assignment], by=stranger)

    assert [e.name for e in outcome.events] == ["Lapsed", "Ended"]
    assert field(outcome, "Lapsed", "last") == field(outcome, "Ended", "end") == last
    assert world.view("market", "run_end", deal, 0) == last


def test_release__after_the_planned_end__ends_there(world, peer, stranger):
    _, [assignment] = world.run(peer, epochs=2)
    end = world.epoch + 2
    world.next_epoch(2)
    assert skips(world.market.release([assignment], by=stranger)) == [31]
    world.next_epoch()

    outcome = world.market.release([assignment], by=stranger)

    assert field(outcome, "Ended", "end") == end


def test_release__everything_claimed__keeps_the_word_to_be_convicted(
    world, peer, developer, stranger
):
    deal, [assignment] = world.run(peer)
    world.market.stop(deal, by=developer)
    world.next_epoch(2)
    world.market.claim([assignment], by=stranger)
    assert world.assignment(assignment)["state"] == 2

    world.market.release([assignment], by=stranger)

    assert world.assignment(assignment)["state"] == 3
    assert world.peer(peer)["used"] == 0


def test_release__alive__is_reason_31(world, peer, stranger):
    _, ids, _ = world.open(world.fill(peer))
    assert skips(world.market.release(ids, by=stranger)) == [31]
    world.activate(ids)

    assert skips(world.market.release(ids, by=stranger)) == [31]


def test_release__ended_or_unknown__is_reason_30(world, peer, developer, stranger):
    deal, [assignment] = world.run(peer)
    world.market.stop(deal, by=developer)
    world.market.release([assignment], by=stranger)

    assert skips(world.market.release([assignment, 99], by=stranger)) == [30, 30]


def test_leave__one_of_two_peers__leaves_the_other_running(world, peer, other_peer, wallet):
    deal, [first, second] = world.run(peer, other_peer)
    world.next_epoch()

    world.market.leave([first], 56, by=wallet)
    world.next_epoch()

    assert world.deal(deal)["rate"] == PRICE
    assert world.assignment(second)["alive"]

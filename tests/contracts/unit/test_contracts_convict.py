"""Convictions: whatever provider and developer did before, the bond of the lie is within reach."""

import pytest

from tests.contracts.driver.court import refusal
from tests.contracts.driver.stage import DEPOSIT, PRICE, ROOT, field, ids_of, skips
from tests.model.meter import Voucher

pytestmark = pytest.mark.unit

FLT = 10**18
BOND = 100 * FLT


def convict(court, s, epoch):
    """Convict by silence; answer what was seized."""
    case = court.ask_for(s, epoch)
    court.next_epoch(4)
    return court.audits.resolve(case, by=court.roles["stranger"])


def seized(outcome):
    return field(outcome, "Closed", "seized")


def lie(court, s):
    """Let the epoch pass and commit to garbage; answer the epoch."""
    epoch = court.epoch
    court.next_epoch()
    court.commit(s, epoch, ROOT)
    return epoch


def test_convict__active__ends_it_as_by_leave_and_refunds_all_that_is_unclaimed(court):
    s = court.suspect(units=2)
    court.pass_seconds(30)
    epoch = lie(court, s)
    outcome = convict(court, s, epoch)

    names = [e.name for e in outcome.events if e.source in ("Market", "Staking")]
    assert names == ["Ended", "Claimed", "PeerUnits", "Stake"]
    assert field(outcome, "Ended", "kind") == 5
    assert field(outcome, "Ended", "end") == court.epoch - 1
    assert field(outcome, "Claimed", "last") == court.epoch - 1
    assert field(outcome, "Claimed", "paid") == 0
    assert field(outcome, "Claimed", "refunded") == court.free(court.roles["developer"])
    assert court.free(court.roles["developer"]) == 5 * 2 * PRICE
    assert court.deal(s.deal)["rate"] == court.deal(s.deal)["units"] == 0


def test_convict__started_in_the_middle_of_an_epoch__refunds_the_share(court):
    peer = court.register()
    deal, [assignment], _ = court.open(court.fill(peer))
    court.pass_seconds(50)
    court.activate([assignment])
    s = court.suspect()
    s.peer, s.deal, s.assignment = peer, deal, assignment
    epoch = lie(court, s)
    refunded = field(convict(court, s, epoch), "Claimed", "refunded")

    assert refunded == PRICE // 2 + 4 * PRICE


@pytest.mark.parametrize("way", ["stop", "lapse", "planned"])
def test_convict__dead_but_not_released__ends_where_its_deal_did(court, way):
    changes = {"stop": {}, "lapse": {"deposit": 2 * PRICE}, "planned": {"epochs": 1}}[way]
    peer = court.register()
    deal, [assignment] = court.run(peer, **changes)
    s = court.suspect()
    s.peer, s.deal, s.assignment = peer, deal, assignment
    start = lie(court, s)
    if way == "stop":
        court.market.stop(deal, by=court.roles["developer"])
    outcome = convict(court, s, start)

    assert field(outcome, "Ended", "end") == field(outcome, "Claimed", "last") == start + 1
    assert field(outcome, "Claimed", "refunded") == 2 * PRICE
    assert court.peer(peer)["used"] == 0


@pytest.mark.parametrize("way", ["leave", "drop", "stop", "release"])
def test_convict__hit_and_run__is_still_within_reach(court, way):
    s = court.suspect()
    epoch, by = lie(court, s), court.roles
    if way == "leave":
        court.market.leave([s.assignment], 56, by=by["wallet"])
    elif way == "drop":
        court.market.drop([s.assignment], 64, by=by["developer"])
    else:
        court.market.stop(s.deal, by=by["developer"])
        if way == "release":
            court.market.release([s.assignment], by=by["provider"])
    court.next_epoch(2)
    court.market.claim([s.assignment], by=by["provider"])
    court.market.set_units(s.peer, court.peer(s.peer)["used"], by=by["provider"])

    outcome = convict(court, s, epoch)

    assert seized(outcome) == BOND
    assert court.view("market", "assignment_word", s.assignment) == 0


def test_convict__last_epoch_in_which_the_word_must_be_there(court):
    s = court.suspect()
    epoch = lie(court, s)
    court.market.leave([s.assignment], 56, by=court.roles["wallet"])
    court.next_epoch(epoch + 7 - court.epoch)
    court.market.claim([s.assignment], by=court.roles["provider"])
    case = court.ask_for(s, epoch)
    court.next_epoch(5)
    assert skips(court.market.claim([s.assignment], by=court.roles["provider"])) == [41]

    outcome = court.audits.resolve(case, by=court.roles["stranger"])

    assert seized(outcome) == BOND


def test_convict__bond_moved_away__is_taken_from_what_is_leaving(court):
    provider = court.roles["provider"]
    s = court.suspect()
    epoch = lie(court, s)
    court.market.leave([s.assignment], 56, by=court.roles["wallet"])
    court.market.set_units(s.peer, 0, by=provider)
    court.register(units=3)
    court.staking.request(court.view("staking", "free", provider), by=provider)
    leaving = court.view("staking", "leaving", provider)

    outcome = convict(court, s, epoch)

    assert seized(outcome) == BOND
    assert court.view("staking", "leaving", provider) == (leaving[0] - BOND, leaving[1])
    assert court.view("staking", "locked", provider) == 3 * BOND


def test_convict__nothing_leaving__takes_free_stake_as_far_as_there_is_any(court):
    provider = court.roles["provider"]
    peer = court.register(units=2)
    deal, [assignment] = court.run(peer, units=2)
    s = court.suspect()
    s.peer, s.deal, s.assignment = peer, deal, assignment
    epoch = lie(court, s)
    court.market.leave([assignment], 56, by=court.roles["wallet"])
    free = court.view("staking", "free", provider)
    locked = court.view("staking", "locked", provider)
    court.pass_seconds(1)
    court.market.set_units(peer, 0, by=provider)
    court.next_epoch(3)
    court.register(units=(free + locked - 4 * BOND - 2 * BOND) // BOND - 1)
    case = court.ask_for(s, epoch)
    court.next_epoch(4)

    outcome = court.audits.resolve(case, by=court.roles["stranger"])

    assert seized(outcome) == 2 * BOND


def test_convict__units_sold_again__leaves_the_peer_short(court):
    s = court.suspect(units=4)
    epoch, by = lie(court, s), court.roles
    court.market.leave([s.assignment], 56, by=by["wallet"])
    sybil = court.bid(by="other_developer", matcher=by["matcher"])
    [resold] = ids_of(court.match(sybil, [court.fill(s.peer, 4)]))
    court.activate([resold])

    outcome = convict(court, s, epoch)

    assert seized(outcome) == 4 * BOND
    assert (court.peer(s.peer)["units"], court.peer(s.peer)["used"]) == (0, 4)
    assert court.view("lens", "evictable", [resold]) == (True,)
    bid = court.bid()
    assert refusal(court.match, bid, [court.fill(s.peer)]) == "matching: nothing to match"
    assert refusal(court.market.set_units, s.peer, 3, by=by["provider"]) == "peers: units in use"
    stake = court.view("staking", "stake_word", by["provider"])
    evicted = court.market.evict([resold], by=by["stranger"])
    assert [e.name for e in evicted.events] == ["Ended"]
    assert field(evicted, "Ended", "kind") == 3
    assert court.view("staking", "stake_word", by["provider"]) == stake
    assert court.peer(s.peer)["used"] == 0


def test_set_units__short_peer__can_be_bonded_again(court):
    s = court.suspect(units=4)
    epoch, by = lie(court, s), court.roles
    court.market.leave([s.assignment], 56, by=by["wallet"])
    [resold] = ids_of(court.match(court.bid(by="other_developer"), [court.fill(s.peer, 2)]))
    court.activate([resold])
    convict(court, s, epoch)
    assert court.view("lens", "evictable", [resold]) == (True,)

    court.market.set_units(s.peer, 2, by=by["provider"])

    assert skips(court.market.evict([resold], by=by["stranger"])) == [34]
    assert court.view("staking", "locked", by["provider"]) == 2 * BOND


def test_convict__two_lies_on_one_bond__the_second_takes_what_is_left(court):
    peer = court.register(units=1)
    _, [first] = court.run(peer)
    s = court.suspect()
    s.peer, s.assignment = peer, first
    epoch = lie(court, s)
    court.market.leave([first], 56, by=court.roles["wallet"])
    _, [second] = court.run(peer)
    later = lie(court, s)
    cases = [court.ask_for(s, epoch)]
    s.assignment = second
    cases.append(court.ask_for(s, later))
    court.next_epoch(4)
    free = court.view("staking", "free", court.roles["provider"])

    outcomes = [court.audits.resolve(case, by=court.roles["stranger"]) for case in cases]

    assert [seized(outcome) for outcome in outcomes] == [BOND, BOND]
    assert court.view("staking", "free", court.roles["provider"]) == free - BOND
    assert court.view("staking", "locked", court.roles["provider"]) == 4 * BOND


def test_convict__claimed_just_before__stays_paid(court):
    s = court.suspect()
    epoch = lie(court, s)
    case = court.ask_for(s, epoch)
    court.next_epoch(4)
    court.market.claim([s.assignment], by=court.roles["provider"])
    assert court.free(court.roles["provider"]) == PRICE

    court.audits.resolve(case, by=court.roles["stranger"])

    assert court.free(court.roles["provider"]) == PRICE


def test_convict__metered__voids_vouchers_and_keeps_what_was_redeemed(court):
    meter = court.roles["developer"]
    s = court.suspect(metered=True)
    epoch = lie(court, s)
    by = court.roles["stranger"]
    court.meter.redeem([Voucher(s.assignment, 10**12, meter)], by=by)
    outcome = convict(court, s, epoch)

    assert "Claimed" not in [e.name for e in outcome.events]
    assert field(outcome, "Ended", "end") == court.epoch
    assert skips(court.meter.redeem([Voucher(s.assignment, 2 * 10**12, meter)], by=by)) == [42]
    assert court.free(court.roles["provider"]) == PRICE
    assert court.deal(s.deal)["balance"] == DEPOSIT - PRICE


def test_convict__metered_that_left__is_within_reach_in_its_last_epoch(court):
    s = court.suspect(metered=True)
    court.market.leave([s.assignment], 56, by=court.roles["wallet"])
    epoch = lie(court, s)

    assert seized(convict(court, s, epoch)) == BOND


def test_convict__reserved_in_the_epoch_of_its_activation__seizes_the_bond(court):
    s = court.suspect()
    court.next_epoch()
    court.commit(s, court.epoch - 1, ROOT)
    case = court.ask_for(s, court.epoch - 1)
    court.next_epoch(3)
    outcome = court.audits.resolve(case, by=court.roles["stranger"])

    assert seized(outcome) == BOND


def test_convict__provider_is_accuser_and_developer__still_loses_half(court):
    provider = court.roles["provider"]
    peer = court.register()
    deal, [assignment], _ = court.open(court.fill(peer), developer=provider)
    court.activate([assignment])
    s = court.suspect()
    s.peer, s.deal, s.assignment = peer, deal, assignment
    before = court.view("flt", "balanceOf", provider)
    epoch = lie(court, s)
    case = court.ask_for(s, epoch, by="provider")
    court.next_epoch(4)

    court.audits.resolve(case, by=provider)

    court.audits.withdraw(court.free_flt("provider"), provider, by=provider)
    assert court.view("flt", "balanceOf", provider) == before + BOND // 2
    assert court.view("audits", "burned") == BOND // 2


def test_root_of__ring__keeps_sixteen_epochs(court):
    s = court.suspect()
    roots = {}
    for number in range(20):
        epoch = court.epoch
        court.next_epoch()
        roots[epoch] = bytes([number + 1]) * 32
        court.commit(s, epoch, roots[epoch])
    for epoch, root in roots.items():
        is_kept = court.epoch - 16 <= epoch
        found = court.view("proofs", "root_of", s.peer, epoch)
        assert found == (root if is_kept else bytes(32)), court.epoch - epoch
    assert court.view("proofs", "root_of", s.peer, court.epoch) == bytes(32)
    court.next_epoch()
    assert court.view("proofs", "root_of", s.peer, court.epoch - 1) == bytes(32)


def test_commit__pulse__is_anybody_s_and_has_no_root(court):
    court.next_epoch()
    stranger = court.roles["stranger"]

    outcome = court.proofs.commit(court.epoch - 1, [(0, ROOT), (0, ROOT)], by=stranger)

    assert [e.fields["root"] for e in outcome.events] == [bytes(32)]
    assert court.view("proofs", "is_proven", 0, court.epoch - 1)
    assert court.view("proofs", "root_of", 0, court.epoch - 1) == bytes(32)


def test_commit__epoch_in_the_event__is_the_one_committed(court):
    s = court.suspect()
    for _ in range(2):
        court.next_epoch()
        outcome = court.proofs.commit(court.epoch - 1, [(s.peer, ROOT)], by=court.roles["wallet"])
        assert field(outcome, "Committed", "epoch") == court.epoch - 1

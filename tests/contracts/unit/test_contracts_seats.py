"""Seats: taken for a stake, quit, freed, packed."""

import pytest

from tests.contracts.driver.court import refusal
from tests.contracts.driver.stage import field

pytestmark = pytest.mark.unit

SEAT = 100 * 10**18


@pytest.fixture
def juror(court):
    """The provider of one peer, and that peer."""
    return court.roles["other_provider"], court.register(by="other_provider", wallet="matcher")


def test_take_seat__next_place__costs_the_stake(court, juror):
    by, peer = juror
    before = court.view("flt", "balanceOf", by)

    taken = court.audits.take_seat(0, peer, by=by)

    assert field(taken, "Seat", "since") == court.now
    assert court.view("flt", "balanceOf", by) == before - SEAT
    assert court.view("audits", "seat_count") == court.view("audits", "taken_seats") == 1


def test_take_seat__what_it_takes(court, juror):
    by, peer = juror
    empty = court.register(by="other_provider", units=1)
    court.market.set_units(empty, 0, by=by)
    court.audits.take_seat(0, peer, by=by)

    for place, number, caller, reason in (
        (1, peer, court.roles["matcher"], "audits: not the provider"),
        (1, 99, by, "audits: not the provider"),
        (1, empty, by, "audits: no units"),
        (2, peer, by, "audits: no such seat"),
        (0, peer, by, "audits: seat taken"),
    ):
        assert refusal(court.audits.take_seat, place, number, by=caller) == reason


def test_take_seat__while_one_is_empty__only_that_one(court, juror):
    by, peer = juror
    for place in range(3):
        court.audits.take_seat(place, peer, by=by)
    court.audits.quit_seat(1, by=by)
    court.pass_seconds(5 * court.parameters.epoch_seconds + 1)
    court.audits.free_seat(1, by=court.roles["stranger"])

    assert refusal(court.audits.take_seat, 3, peer, by=by) == "audits: empty seats first"
    court.audits.take_seat(1, peer, by=by)
    court.audits.take_seat(3, peer, by=by)


def test_quit_seat__by_its_provider__once(court, juror):
    by, peer = juror
    court.audits.take_seat(0, peer, by=by)
    for place, caller in ((0, court.roles["matcher"]), (1, by)):
        assert refusal(court.audits.quit_seat, place, by=caller) == "audits: not the provider"

    court.audits.quit_seat(0, by=by)

    assert refusal(court.audits.quit_seat, 0, by=by) == "audits: already quitting"


@pytest.mark.parametrize(("seconds", "reason"), [(500, "audits: too soon"), (501, None)])
def test_free_seat__five_epochs_after_quitting__gives_the_stake_back(court, juror, seconds, reason):
    by, peer = juror
    court.audits.take_seat(0, peer, by=by)
    court.pass_seconds(10_000)
    assert refusal(court.audits.free_seat, 0, by=by) == "audits: too soon"
    court.audits.quit_seat(0, by=by)
    court.pass_seconds(seconds)

    if reason:
        assert refusal(court.audits.free_seat, 0, by=by) == reason
        return
    court.audits.free_seat(0, by=court.roles["stranger"])
    assert court.free_flt("other_provider") == SEAT
    assert court.view("audits", "taken_seats") == 0
    assert refusal(court.audits.free_seat, 0, by=by) == "audits: no such seat"


def test_free_seat__in_a_case__waits_for_its_end(court, juror):
    by, _ = juror
    s = court.suspect()
    epoch = court.work(s)
    court.seat_jurors(7)
    case = court.accuse(s, epoch)
    court.draw(case)
    for place in range(7):
        court.audits.quit_seat(place, by=by)
    court.next_epoch(6)

    assert refusal(court.audits.free_seat, 0, by=by) == "audits: seat in use"
    court.audits.resolve(case, by=by)
    court.next_epoch()
    court.audits.resolve(case, by=by)
    court.audits.free_seat(0, by=by)
    assert court.free_flt("other_provider") == SEAT - SEAT // 5


def test_pack__gap__is_closed_by_the_last_seat(court, juror):
    by, peer = juror
    for place in range(3):
        court.audits.take_seat(place, peer, by=by)
    court.audits.quit_seat(0, by=by)
    court.pass_seconds(501)
    court.audits.free_seat(0, by=by)
    stranger = court.roles["stranger"]
    for place, reason in ((1, "audits: seat taken"), (3, "audits: no such seat")):
        assert refusal(court.audits.pack, place, by=stranger) == reason

    moved = court.audits.pack(0, by=stranger)

    assert [e.fields["seat"] for e in moved.events] == [2, 0]
    assert court.view("audits", "seat_count") == court.view("audits", "taken_seats") == 2


def test_pack__empty_last_place__just_goes(court, juror):
    by, peer = juror
    for place in range(2):
        court.audits.take_seat(place, peer, by=by)
        court.audits.quit_seat(place, by=by)
    court.pass_seconds(501)
    for place in range(2):
        court.audits.free_seat(place, by=by)

    assert court.audits.pack(0, by=by).events == ()
    assert court.view("audits", "seat_count") == 1
    court.audits.pack(0, by=by)
    assert court.view("audits", "seat_count") == 0
    assert refusal(court.audits.pack, 0, by=by) == "audits: no such seat"


def test_pack__while_an_accusation_waits_for_its_draw__is_refused(court, juror):
    by, _ = juror
    s = court.suspect()
    epoch = court.work(s)
    court.seat_jurors(9)
    court.audits.quit_seat(2, by=by)
    court.pass_seconds(501)
    court.audits.free_seat(2, by=by)
    case = court.accuse(s, epoch)

    assert refusal(court.audits.pack, 2, by=by) == "audits: draw first"
    jury = court.draw(case)
    if 8 in jury:
        assert refusal(court.audits.pack, 2, by=by) == "audits: seat in use"
    else:
        court.audits.pack(2, by=by)

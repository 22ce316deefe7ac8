"""accuse, draw, vote, reveal, resolve: seven jurors run a call again."""

import pytest

from tests.contracts.driver.court import SALT, refusal
from tests.contracts.driver.stage import PRICE, field
from tests.model.audits import commit

pytestmark = pytest.mark.unit

FLT = 10**18
FEE, STAKE, BOND, FINE = 3 * FLT, 50 * FLT, 100 * FLT, 20 * FLT
PAID_IN = STAKE + 7 * FEE
NOTHING, FALSE = bytes(32), (1).to_bytes(32, "big")
OTHER, THIRD = b"\5" * 32, b"\6" * 32


@pytest.fixture
def accused(court):
    """A suspect with one accused receipt, and nine seats."""
    s = court.suspect()
    epoch = court.work(s)
    court.seat_jurors()
    case = court.accuse(s, epoch)
    s.epoch, s.case = epoch, case
    s.value = court.law.audits.cases[case].question
    return s


def votes_of(text: str, value: bytes) -> list[bytes | None]:
    """Read a jury: r right, o other, t third, f false in itself, 0 cannot tell, - silent."""
    told = {"r": value, "o": OTHER, "t": THIRD, "f": FALSE, "0": NOTHING, "-": None}
    return [told[letter] for letter in text]


@pytest.mark.parametrize(
    ("votes", "outcome", "paid", "fined"),
    [
        ("ooooooo", 2, 7, 0),
        ("ooooorr", 2, 5, 2),
        ("ooooo00", 2, 5, 0),
        ("ooooo0-", 2, 5, 1),
        ("fffffrr", 2, 5, 2),
        ("oooorrr", 4, 7, 0),
        ("oooo---", 4, 4, 3),
        ("rrrrrrr", 3, 7, 0),
        ("rrrrroo", 3, 5, 2),
        ("rrrrr0-", 3, 5, 1),
        ("rrrrooo", 3, 4, 0),
        ("rrrroo-", 3, 4, 1),
        ("rrroooo", 4, 7, 0),
        ("rrr0000", 4, 7, 0),
        ("0000000", 4, 7, 0),
        ("ooottt0", 4, 7, 0),
        ("-------", 4, 0, 7),
    ],
)
def test_resolve__votes__decide_pay_and_fine(court, accused, votes, outcome, paid, fined):
    before = court.view("audits", "burned")

    closed = court.try_case(accused.case, votes_of(votes, accused.value))

    seized = BOND if outcome == 2 else 0
    assert field(closed, "Closed", "outcome") == outcome
    assert field(closed, "Closed", "seized") == seized
    assert court.free_flt("other_provider") == paid * FEE
    rest = seized - paid * FEE if outcome == 2 else 0
    back = {2: PAID_IN + rest // 4, 3: 7 * FEE - paid * FEE, 4: PAID_IN - paid * FEE}[outcome]
    assert court.free_flt("stranger") == back
    assert court.free_flt("developer") == rest // 4
    assert court.free_flt("provider") == (STAKE if outcome == 3 else 0)
    assert court.view("audits", "burned") - before == fined * FINE + rest - 2 * (rest // 4)
    word = court.view("market", "assignment_word", accused.assignment)
    assert (word == 0) == (outcome == 2)


def test_resolve__convicted__unclaimed_epochs_go_to_the_developer(court, accused):
    court.try_case(accused.case, [OTHER] * 7)

    assert court.free(court.roles["developer"]) == 5 * PRICE


def test_resolve__convicted_but_gone__costs_the_accuser_the_fees(court, accused):
    case = court.ask_for(accused, accused.epoch, by="matcher")
    court.draw(accused.case)
    for place in range(7):
        court.cast(accused.case, place, OTHER)
    court.show(accused.case)
    for place in range(7):
        court.audits.reveal(accused.case, place, OTHER, SALT, by=court.roles["stranger"])
    court.pass_seconds(20)
    court.audits.resolve(case, by=court.roles["stranger"])
    court.next_epoch()

    closed = court.audits.resolve(accused.case, by=court.roles["stranger"])

    assert (field(closed, "Closed", "outcome"), field(closed, "Closed", "seized")) == (2, 0)
    assert court.free_flt("stranger") == STAKE


@pytest.mark.parametrize(
    ("votes", "again"), [("ooooooo", True), ("0000000", True), ("rrrr---", False)]
)
def test_accuse__the_same_receipt_again__unless_acquitted(court, accused, votes, again):
    other = court.suspect()  # keeps the accused peer's seat count apart from this
    assert other.peer != accused.peer
    court.try_case(accused.case, votes_of(votes, accused.value))
    papers = (
        accused.books.summed(accused.epoch),
        accused.books.called(accused.assignment, accused.epoch, 0),
    )
    by = court.roles["stranger"]

    if votes == "ooooooo":
        reason = refusal(court.audits.accuse, accused.assignment, *papers, by=by)
        assert reason == "audits: no such assignment"
    elif again:
        assert court.accuse(accused, accused.epoch) == accused.case + 1
    else:
        reason = refusal(court.audits.accuse, accused.assignment, *papers, by=by)
        assert reason == "audits: accused before"


def test_accuse__while_the_first_is_open__is_refused_for_this_receipt_only(court, accused):
    papers = (
        accused.books.summed(accused.epoch),
        accused.books.called(accused.assignment, accused.epoch, 0),
    )

    reason = refusal(court.audits.accuse, accused.assignment, *papers, by=court.roles["matcher"])

    assert reason == "audits: accused before"
    court.accuse(accused, accused.epoch, place=1)
    assert court.view("audits", "undrawn") == 2


@pytest.mark.parametrize("lie", [{"status": 5}, {"assignment": 9}])
def test_accuse__refused_call_or_another_s__is_refused(court, lie):
    s = court.suspect()
    epoch = court.work(s, lie={0: lie})
    court.seat_jurors()

    papers = s.books.summed(epoch), s.books.called(s.assignment, epoch, 0)
    reason = refusal(court.audits.accuse, s.assignment, *papers, by=court.roles["stranger"])

    assert reason == "audits: wrong receipt"


def test_accuse__too_few_seats__is_refused(court):
    s = court.suspect()
    epoch = court.work(s)
    court.seat_jurors(6)

    assert refusal(court.accuse, s, epoch) == "audits: too few seats"
    court.seat_jurors(1)
    court.accuse(s, epoch)


@pytest.mark.parametrize(("epochs", "reason"), [(7, None), (8, "audits: wrong epoch")])
def test_accuse__after_seven_epochs__is_too_late(court, epochs, reason):
    s = court.suspect()
    epoch = court.work(s)
    court.seat_jurors()
    court.next_epoch(epoch + epochs - court.epoch)

    if reason:
        assert refusal(court.accuse, s, epoch) == reason
    else:
        assert court.accuse(s, epoch)


def test_draw__within_its_time__only(court, accused):
    by = court.roles["matcher"]
    court.pass_seconds(court.parameters.epoch_seconds // 48 - 1)
    assert refusal(court.audits.draw, accused.case, by=by) == "audits: too soon"
    assert refusal(court.audits.resolve, accused.case, by=by) == "audits: too soon"
    court.pass_seconds(1)

    drawn = court.audits.draw(accused.case, by=by)

    jury = court.law.audits.cases[accused.case].jury
    assert len(set(jury)) == 7
    assert field(drawn, "Drawn", "jury") == sum(p << 32 * i for i, p in enumerate(jury))
    assert court.view("audits", "undrawn") == 0
    assert refusal(court.audits.draw, accused.case, by=by) == "audits: not open"


def test_draw__a_whole_epoch_late__is_void(court, accused):
    by = court.roles["matcher"]
    court.pass_seconds(court.parameters.epoch_seconds)
    assert refusal(court.audits.draw, accused.case, by=by) == "audits: too late"

    closed = court.audits.resolve(accused.case, by=by)

    assert field(closed, "Closed", "outcome") == 4
    assert court.free_flt("stranger") == PAID_IN
    assert court.view("audits", "undrawn") == 0


def test_draw__chain_stood_still__is_not_late(court, accused):
    court.travel(court.now + 9 * court.parameters.epoch_seconds, blocks=0)

    assert court.audits.draw(accused.case, by=court.roles["matcher"])


@pytest.mark.parametrize("seats_of", ["provider", "stranger"])
def test_draw__seats_of_the_accused_or_the_accuser__are_left_out(court, seats_of):
    s = court.suspect()
    epoch = court.work(s)
    court.seat_jurors(6)
    own = set(court.seat_jurors(6, by=seats_of))
    case = court.accuse(s, epoch)
    court.pass_seconds(3)

    drawn = court.audits.draw(case, by=court.roles["matcher"])

    assert field(drawn, "Closed", "outcome") == 4
    assert own
    assert court.free_flt("stranger") == PAID_IN


def test_draw__seats_taken_in_the_second_of_the_accusation__are_left_out(court):
    s = court.suspect()
    epoch = court.work(s)
    court.seat_jurors(6)
    peer = court.register(by="other_provider", wallet="matcher")
    court.audits.take_seat(6, peer, by=court.roles["other_provider"])
    case = court.accuse(s, epoch)
    court.pass_seconds(3)

    drawn = court.audits.draw(case, by=court.roles["matcher"])

    assert field(drawn, "Closed", "outcome") == 4


@pytest.mark.parametrize(("after", "is_drawn"), [(False, False), (True, True)])
def test_draw__seat_that_quit__before_the_accusation_is_left_out(court, after, is_drawn):
    s = court.suspect()
    epoch = court.work(s)
    court.seat_jurors(7)
    by = court.roles["other_provider"]
    if not after:
        court.audits.quit_seat(3, by=by)
    case = court.accuse(s, epoch)
    court.pass_seconds(1)
    if after:
        court.audits.quit_seat(3, by=by)
    court.pass_seconds(2)

    drawn = court.audits.draw(case, by=court.roles["matcher"])

    assert ("Drawn" in [e.name for e in drawn.events]) is is_drawn


def test_draw__fined_out__is_left_out(court):
    s = court.suspect()
    court.seat_jurors(7)
    for _ in range(5):
        epoch = court.work(s, calls=1)
        court.try_case(court.accuse(s, epoch), [None, *[NOTHING] * 6])
    assert max(seat.fines for seat in court.law.audits.seats) < 6
    while max(seat.fines for seat in court.law.audits.seats) < 5:
        epoch = court.work(s, calls=1)
        fines = [seat.fines for seat in court.law.audits.seats]
        case = court.accuse(s, epoch)
        jury = court.draw(case)
        silent = jury.index(fines.index(max(fines)))
        for place in range(7):
            if place != silent:
                court.cast(case, place, NOTHING)
        court.show(case)
        for place in range(7):
            if place != silent:
                court.audits.reveal(case, place, NOTHING, SALT, by=court.roles["stranger"])
        court.next_epoch()
        court.audits.resolve(case, by=court.roles["stranger"])
    case = court.accuse(s, court.work(s, calls=1))
    court.pass_seconds(3)

    drawn = court.audits.draw(case, by=court.roles["matcher"])

    assert field(drawn, "Closed", "outcome") == 4
    out = [seat.fines for seat in court.law.audits.seats].index(5)
    court.audits.free_seat(out, by=court.roles["stranger"])


def test_vote__by_the_juror_in_time__once(court, accused):
    case = accused.case
    commitment = commit(case, 2, OTHER, SALT)
    wallet, provider = court.roles["matcher"], court.roles["other_provider"]
    assert refusal(court.audits.vote, case, 2, commitment, by=wallet) == "audits: not open"
    court.draw(case)
    for place, by in ((2, court.roles["stranger"]), (7, wallet), (2, court.roles["provider"])):
        reason = refusal(court.audits.vote, case, place, commitment, by=by)
        assert reason == "audits: not the juror"
    assert refusal(court.audits.vote, case, 2, NOTHING, by=wallet) == "audits: wrong vote"

    voted = court.audits.vote(case, 2, commitment, by=provider)

    assert field(voted, "Voted", "place") == 2
    assert refusal(court.audits.vote, case, 2, commitment, by=wallet) == "audits: voted before"
    court.pass_seconds(2 * court.parameters.epoch_seconds - 1)
    court.audits.vote(case, 3, commitment, by=wallet)
    court.pass_seconds(1)
    assert refusal(court.audits.vote, case, 4, commitment, by=wallet) == "audits: too late"


def test_reveal__what_was_committed__in_its_time_once(court, accused):
    case, by = accused.case, court.roles["stranger"]
    court.draw(case)
    for place in (2, 3):
        court.cast(case, place, OTHER)
    told = (case, 2, OTHER, SALT)
    assert refusal(court.audits.reveal, *told, by=by) == "audits: not open"
    court.show(case)
    for place, vote, salt in ((2, THIRD, SALT), (2, OTHER, bytes(32)), (4, OTHER, SALT)):
        reason = refusal(court.audits.reveal, case, place, vote, salt, by=by)
        assert reason == "audits: wrong vote"
    assert refusal(court.audits.reveal, case, 7, OTHER, SALT, by=by) == "audits: not the juror"

    revealed = court.audits.reveal(*told, by=by)

    assert field(revealed, "Revealed", "vote") == OTHER
    assert refusal(court.audits.reveal, *told, by=by) == "audits: voted before"
    court.pass_seconds(court.parameters.epoch_seconds - 1)
    assert refusal(court.audits.resolve, case, by=by) == "audits: too soon"
    court.pass_seconds(1)
    assert refusal(court.audits.reveal, case, 3, OTHER, SALT, by=by) == "audits: too late"


def test_reveal__vote_of_another_place_or_case__cannot_be_copied(court, accused):
    case, by = accused.case, court.roles["stranger"]
    court.draw(case)
    court.cast(case, 2, OTHER)
    copied = commit(case, 2, OTHER, SALT)
    court.audits.vote(case, 3, copied, by=court.roles["matcher"])
    court.show(case)

    reason = refusal(court.audits.reveal, case, 3, OTHER, SALT, by=by)

    assert reason == "audits: wrong vote"


def test_resolve__votes_are_shown__two_epochs_after_the_draw(court, accused):
    case, by = accused.case, court.roles["stranger"]
    court.draw(case)
    court.pass_seconds(2 * court.parameters.epoch_seconds - 1)
    assert refusal(court.audits.resolve, case, by=by) == "audits: too soon"
    court.pass_seconds(1)

    shown = court.audits.resolve(case, by=by)

    assert field(shown, "Phase", "state") == 3


def test_resolve__chain_stood_still_in_a_phase__nobody_is_late(court, accused):
    case, by = accused.case, court.roles["stranger"]
    court.draw(case)
    court.travel(court.now + 20 * court.parameters.epoch_seconds, blocks=0)
    assert refusal(court.audits.resolve, case, by=by) == "audits: too soon"
    court.cast(case, 0, OTHER)
    court.next_epoch(2)
    court.audits.resolve(case, by=by)
    court.travel(court.now + 20 * court.parameters.epoch_seconds, blocks=0)
    assert refusal(court.audits.resolve, case, by=by) == "audits: too soon"

    court.audits.reveal(case, 0, OTHER, SALT, by=by)


def test_resolve__two_cases_with_the_same_jurors__let_each_go_once(court, accused):
    second = court.accuse(accused, accused.epoch, place=1)
    court.try_case(accused.case, [NOTHING] * 7)
    word = court.law.audits

    assert sum(seat.cases for seat in word.seats) == 0
    court.pass_seconds(1)
    closed = court.audits.resolve(second, by=court.roles["stranger"])
    assert field(closed, "Closed", "outcome") == 4

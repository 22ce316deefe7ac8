"""Accusations as events tell them, and what a juror or an accused sends in which phase."""

from dataclasses import replace

import pytest

from peer.auditing.ballots import Ballots
from peer.chain_state.trials import TrialFacts
from peer.duties.trial_calls import TrialCall, find_trial_calls
from tests.peer.test_duties import PARAMETERS, chain_view
from wasmarket.chain.reading.blocks import BlockRef
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, to_hash
from wasmarket.kernel.events.audits import CaseState

pytestmark = pytest.mark.unit

PEER, CASE = 3, 5
RECEIPT, TX = to_hash(b"r" * 32), to_hash(b"t" * 32)
KEY = (CASE, RECEIPT)
JURY = sum(seat << (32 * place) for place, seat in enumerate((4, 0, 9, 1, 8, 7, 6)))


@pytest.fixture
def facts():
    """Seats 0 and 1 are ours; case 5 accuses assignment 9 of somebody."""
    made = TrialFacts()
    made.apply(events.Seat(0, PEER, 1, 0, 0), 1, 10, ZERO_HASH)
    made.apply(events.Seat(1, PEER, 1, 0, 0), 1, 10, ZERO_HASH)
    made.apply(events.Opened(CASE, 9, ZERO_ADDRESS, 2, 4, 7, RECEIPT), 2, 1_000, TX)
    return made


def go_on(facts, event, block, time):
    facts.apply(event, block, time, ZERO_HASH)
    return facts.find_open(PEER, {})


def test_trial__of_others__concerns_us_once_we_are_drawn(facts):
    assert facts.find_open(PEER, {}) == ()
    [accused] = facts.find_open(PEER, {9: object()})
    [trial] = go_on(facts, events.Drawn(CASE, JURY), 3, 1_010)

    assert (accused.state, accused.tx, accused.sequence) == (CaseState.OPEN, TX, 7)
    assert (trial.state, trial.own_places, trial.since) == (CaseState.DRAWN, (1, 3), 1_010)


def test_trial__undone__is_as_before(facts):
    [drawn] = go_on(facts, events.Drawn(CASE, JURY), 3, 1_010)
    go_on(facts, events.Voted(CASE, 1), 4, 1_020)
    go_on(facts, events.Phase(CASE, 3), 5, 1_200)
    assert go_on(facts, events.Closed(CASE, 9, 2, 0), 6, 1_300) == ()

    facts.undo(3)

    assert facts.find_open(PEER, {}) == (drawn,)
    facts.undo(1)
    assert facts.find_open(PEER, {9: object()}) == ()


def calls(facts, time, block=100, ballots=(), assignments=()):
    view = replace(
        chain_view(),
        head=BlockRef(block, ZERO_HASH, ZERO_HASH, time),
        trials=facts.find_open(PEER, dict.fromkeys(assignments)),
    )
    return find_trial_calls(view, PARAMETERS, ballots)


@pytest.mark.parametrize(
    ("time", "function"), [(1_000, None), (1_001, "draw"), (1_059, "draw"), (1_060, "resolve")]
)
def test_accused__has_the_jury_drawn_as_soon_as_it_may(facts, time, function):
    expected = () if function is None else (TrialCall(function, CASE),)

    assert calls(facts, time, assignments=[9]) == expected


def test_juror__votes_where_it_has_a_ballot_and_reveals_what_it_voted(facts):
    go_on(facts, events.Drawn(CASE, JURY), 3, 1_010)
    assert calls(facts, 1_020) == ()
    assert calls(facts, 1_020, ballots=[KEY]) == (
        TrialCall("vote", CASE, 1, RECEIPT),
        TrialCall("vote", CASE, 3, RECEIPT),
    )
    go_on(facts, events.Voted(CASE, 3), 4, 1_030)
    assert calls(facts, 1_040, ballots=[KEY]) == (TrialCall("vote", CASE, 1, RECEIPT),)
    assert calls(facts, 1_130, ballots=[KEY]) == (TrialCall("resolve", CASE),)

    go_on(facts, events.Phase(CASE, 3), 5, 1_130)
    assert calls(facts, 1_140, ballots=[KEY]) == (TrialCall("reveal", CASE, 3, RECEIPT),)
    go_on(facts, events.Revealed(CASE, 3, RECEIPT), 6, 1_150)
    assert calls(facts, 1_160, ballots=[KEY]) == ()
    assert calls(facts, 1_190) == (TrialCall("resolve", CASE),)


def test_phases__of_a_chain_that_stood_still__are_not_over(facts):
    go_on(facts, events.Drawn(CASE, JURY), 3, 1_010)

    # Two blocks are to pass besides the time.
    assert calls(facts, 9_999, block=4, ballots=[KEY])[0].function == "vote"
    assert calls(facts, 9_999, block=5, ballots=[KEY])[0].function == "resolve"


def test_ballot__cast_again_or_read_again__stays_as_it_was(tmp_path):
    first = Ballots(tmp_path).cast(CASE, RECEIPT, b"v" * 32)

    again = Ballots(tmp_path)

    assert again.cast(CASE, RECEIPT, b"w" * 32) == first == again.get(CASE, RECEIPT)
    assert KEY in again
    assert first.commitment(0) != first.commitment(1)
    assert (tmp_path / f"{CASE}-{RECEIPT}.json").stat().st_mode & 0o777 == 0o600


def test_ballot__of_a_case_whose_number_went_to_another__is_not_cast_there(facts, tmp_path):
    ballots = Ballots(tmp_path)
    ballots.cast(CASE, RECEIPT, b"v" * 32)
    facts.undo(1)
    other = to_hash(b"o" * 32)
    facts.apply(events.Opened(CASE, 9, ZERO_ADDRESS, 2, 4, 8, other), 2, 1_000, TX)
    go_on(facts, events.Drawn(CASE, JURY), 3, 1_010)

    assert calls(facts, 1_020, ballots=ballots) == ()

    ballots.cast(CASE, other, b"w" * 32)
    assert calls(facts, 1_020, ballots=ballots)[0] == TrialCall("vote", CASE, 1, other)
    assert ballots.get(CASE, other).vote == b"w" * 32
    assert ballots.get(CASE, RECEIPT).vote == b"v" * 32

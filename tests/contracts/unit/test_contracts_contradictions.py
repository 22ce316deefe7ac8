"""contradict: eight kinds of papers that cannot all be true, and none that can."""

from dataclasses import replace

import pytest

from tests.contracts.driver.court import refusal
from tests.contracts.driver.stage import field
from tests.model.evidence import NO_RECEIPT, NO_SUMMARY, Called

pytestmark = pytest.mark.unit

BOND = 100 * 10**18
NONE = "audits: no contradiction"


def test_contradict__convicts_at_once_and_pays_the_finder(court):
    s = court.suspect(units=2)
    epoch = court.work(s, lie={1: {"sequence": 7}})
    called = s.books.called(s.assignment, epoch, 1)

    outcome = court.contradict(s, 1, s.books.summed(epoch), called)

    assert field(outcome, "Contradicted", "seized") == 2 * BOND
    assert court.free_flt("stranger") == court.free_flt("developer") == BOND // 2
    assert court.view("market", "assignment_word", s.assignment) == 0


@pytest.mark.parametrize(
    ("lie", "of_summary"),
    [
        ({"deal": 77}, {}),
        ({"assignment": 77}, {}),
        ({"sequence": 0}, {}),
        ({"sequence": 2}, {}),
        ({"status": 6}, {}),
        ({"time": 0}, {}),
        ({}, {"fuel": 49}),
        ({}, {"work": 1_000_161}),
        ({}, {"first": 2}),
    ],
)
def test_contradict_1__a_receipt_that_does_not_belong__convicts(court, lie, of_summary):
    s = court.suspect()
    epoch = court.work(s, lie={1: lie}, **of_summary)
    called = s.books.called(s.assignment, epoch, 1)

    assert field(court.contradict(s, 1, s.books.summed(epoch), called), "Contradicted", "seized")


@pytest.mark.parametrize(
    ("lie", "of_summary"),
    [
        ({}, {"fuel": 50}),
        ({}, {"work": 1_000_162}),
        ({"status": 5}, {"work": 0}),
        ({"status": 4}, {}),
    ],
)
def test_contradict_1__a_receipt_at_the_limits__is_none(court, lie, of_summary):
    s = court.suspect()
    epoch = court.work(s, lie={1: lie}, **of_summary)
    called = s.books.called(s.assignment, epoch, 1)

    assert refusal(court.contradict, s, 1, s.books.summed(epoch), called) == NONE


@pytest.mark.parametrize("seconds", [0, 99])
def test_contradict_1__time_at_the_edges_of_the_epoch__is_none(court, seconds):
    s = court.suspect()
    time = court.epoch * court.parameters.epoch_seconds + seconds
    epoch = court.work(s, lie={1: {"time": time}})
    called = s.books.called(s.assignment, epoch, 1)

    assert refusal(court.contradict, s, 1, s.books.summed(epoch), called) == NONE


def test_contradict_2__link_to_another_receipt__convicts(court):
    s = court.suspect()
    epoch = court.work(s, lie={1: {"previous": 5}})
    papers = [s.books.called(s.assignment, epoch, place) for place in range(3)]
    summed = s.books.summed(epoch)
    assert refusal(court.contradict, s, 2, summed, papers[1], NO_SUMMARY, papers[2]) == NONE
    assert refusal(court.contradict, s, 2, summed, papers[0], NO_SUMMARY, papers[2]) == NONE

    outcome = court.contradict(s, 2, summed, papers[0], NO_SUMMARY, papers[1])

    assert field(outcome, "Contradicted", "kind") == 2


def test_contradict_3__head_of_another_receipt__convicts(court):
    s = court.suspect()
    epoch = court.work(s, head=5)
    papers = [s.books.called(s.assignment, epoch, place) for place in range(3)]
    assert refusal(court.contradict, s, 3, s.books.summed(epoch), papers[1]) == NONE

    assert field(court.contradict(s, 3, s.books.summed(epoch), papers[2]), "Contradicted", "kind")


def test_contradict_4__two_summaries_of_one_epoch__convicts(court):
    s = court.suspect()
    epoch = court.epoch
    s.books.close(s.deal, s.assignment, epoch)
    s.books.close(s.deal, s.assignment, epoch, fuel=1)
    court.next_epoch()
    court.commit(s, epoch)
    later = court.work(s)
    first, second = (s.books.summed(epoch, place) for place in range(2))
    assert refusal(court.contradict, s, 4, first, NO_RECEIPT, first) == NONE
    assert refusal(court.contradict, s, 4, first, NO_RECEIPT, s.books.summed(later)) == NONE

    assert field(court.contradict(s, 4, first, NO_RECEIPT, second), "Contradicted", "kind") == 4


@pytest.mark.parametrize(("first", "is_lie"), [(1, True), (2, True), (3, False), (4, False)])
def test_contradict_5__later_epoch_that_begins_too_early__convicts(court, first, is_lie):
    s = court.suspect()
    epoch = court.work(s)
    later = court.work(s, first=first)
    papers = (s.books.summed(epoch), NO_RECEIPT, s.books.summed(later))

    if is_lie:
        assert field(court.contradict(s, 5, *papers), "Contradicted", "kind") == 5
    else:
        assert refusal(court.contradict, s, 5, *papers) == NONE


def test_contradict_5__the_other_way_round__is_none(court):
    s = court.suspect()
    epoch = court.work(s)
    later = court.work(s)

    papers = (s.books.summed(later), NO_RECEIPT, s.books.summed(epoch))
    assert refusal(court.contradict, s, 5, *papers) == NONE


@pytest.mark.parametrize("idle", [0, 2])
def test_contradict_6__first_link_of_a_later_epoch__convicts(court, idle):
    s = court.suspect()
    epoch = court.work(s)
    for _ in range(idle):
        court.work(s, calls=0)
    later = court.work(s, lie={0: {"previous": 5}})
    papers = (s.books.summed(epoch), NO_RECEIPT, s.books.summed(later))
    second = s.books.called(s.assignment, later, 1)
    assert refusal(court.contradict, s, 6, *papers, second) == NONE

    first = s.books.called(s.assignment, later, 0)
    assert field(court.contradict(s, 6, *papers, first), "Contradicted", "kind") == 6


def test_contradict_6__calls_in_between__prove_nothing(court):
    s = court.suspect()
    epoch = court.work(s)
    court.work(s)
    later = court.work(s)

    papers = (s.books.summed(epoch), NO_RECEIPT, s.books.summed(later))
    first = s.books.called(s.assignment, later, 0)
    assert refusal(court.contradict, s, 6, *papers, first) == NONE


def test_contradict_7__another_receipt_was_signed__convicts(court):
    s = court.suspect()
    epoch = court.work(s)
    summed, called = s.books.summed(epoch), s.books.called(s.assignment, epoch, 1)
    fields = list(called.fields)
    fields[6] += 1
    signed = Called(tuple(fields))
    told = (s, 7, summed, called, NO_SUMMARY)
    assert refusal(court.contradict, *told, called, signer="wallet") == NONE
    for signer in (None, "provider", "developer"):
        assert refusal(court.contradict, *told, signed, signer=signer) == "audits: wrong receipt"

    outcome = court.contradict(*told, signed, signer="wallet")

    assert field(outcome, "Contradicted", "kind") == 7


@pytest.mark.parametrize(
    ("sequence", "epochs_ago", "is_lie"),
    [
        (6, 0, True),
        (5, 0, False),
        (3, 0, False),
        (2, 0, True),
        (2, 1, False),
        (6, 1, True),
        (5, 1, False),
        (6, -1, False),
    ],
)
def test_contradict_8__a_signed_receipt_left_out__convicts(court, sequence, epochs_ago, is_lie):
    s = court.suspect()
    court.work(s)
    epoch = court.work(s)
    signed = replace(
        s.books.receipts[s.assignment, epoch][0],
        sequence=sequence,
        time=(epoch - epochs_ago) * court.parameters.epoch_seconds,
    )
    told = (s, 8, s.books.summed(epoch), NO_RECEIPT, NO_SUMMARY, paper(signed))

    if is_lie:
        assert field(court.contradict(*told, signer="wallet"), "Contradicted", "kind") == 8
    else:
        assert refusal(court.contradict, *told, signer="wallet") == NONE


def paper(receipt):
    return Called(tuple(getattr(receipt, name) for name in receipt.__dataclass_fields__))


def test_contradict_8__idle_epoch__needs_no_receipt_to_lie(court):
    s = court.suspect()
    epoch = court.work(s, calls=0)
    signed = s.books.serve(s.deal, s.assignment, epoch)

    told = (s, 8, s.books.summed(epoch), NO_RECEIPT, NO_SUMMARY, paper(signed))

    assert field(court.contradict(*told, signer="wallet"), "Contradicted", "kind") == 8


def test_contradict_8__receipt_of_another_assignment__is_refused(court):
    s = court.suspect()
    epoch = court.work(s, calls=0)
    signed = s.books.serve(s.deal, s.assignment + 1, epoch)

    told = (s, 8, s.books.summed(epoch), NO_RECEIPT, NO_SUMMARY, paper(signed))

    assert refusal(court.contradict, *told, signer="wallet") == "audits: wrong receipt"


@pytest.mark.parametrize(("signed_in", "is_his"), [(-1, True), (0, True), (1, False)])
def test_contradict__wallet_was_replaced__signatures_until_then_count(court, signed_in, is_his):
    s = court.suspect()
    before = court.work(s, calls=0)
    replaced = court.epoch
    court.market.set_wallet(s.peer, court.roles["matcher"], by=court.roles["provider"])
    for epoch in (replaced, replaced + 1):
        s.books.close(s.deal, s.assignment, epoch)
        court.next_epoch()
        root = [(s.peer, s.books.root(epoch))]
        court.proofs.commit(epoch, root, by=court.roles["matcher"])
    signed = s.books.serve(s.deal, s.assignment, replaced + signed_in)
    assert before == replaced - 1
    told = (s, 8, s.books.summed(replaced + 1), NO_RECEIPT, NO_SUMMARY, paper(signed))

    if is_his:
        assert field(court.contradict(*told, signer="wallet"), "Contradicted", "kind") == 8
    else:
        reason = refusal(court.contradict, *told, signer="wallet")
        assert reason == "audits: wrong receipt"


@pytest.mark.parametrize("signer", ["wallet", "stranger"])
def test_contradict__receipt_of_an_epoch_long_past__is_no_evidence(court, signer):
    s = court.suspect()
    epoch = court.work(s)
    for ago, reason in ((8, "audits: wrong receipt"), (10**6, "audits: wrong receipt")):
        time = (court.epoch - ago) * court.parameters.epoch_seconds
        signed = replace(s.books.receipts[s.assignment, epoch][0], sequence=9, time=time)
        told = (s, 8, s.books.summed(epoch), NO_RECEIPT, NO_SUMMARY, paper(signed))
        assert refusal(court.contradict, *told, signer=signer) == reason


def test_contradict__an_address_that_never_was_the_wallet__cannot_sign_for_epoch_0(court):
    s = court.suspect()
    epoch = court.work(s)
    signed = replace(s.books.receipts[s.assignment, epoch][0], sequence=9, time=0)
    told = (s, 8, s.books.summed(epoch), NO_RECEIPT, NO_SUMMARY, paper(signed))

    assert refusal(court.contradict, *told, signer="stranger") == "audits: wrong receipt"


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2**255])
def test_contradict__true_books__prove_nothing(court, kind):
    s = court.suspect()
    epoch = court.work(s)
    later = court.work(s)
    first, second = (s.books.called(s.assignment, epoch, place) for place in (1, 2))
    other = s.books.summed(epoch if kind == 4 else later)
    paper_ = {2: second, 6: s.books.called(s.assignment, later, 0)}.get(kind, first)
    called = second if kind == 3 else first
    told = (s, kind, s.books.summed(epoch), called, other, paper_)

    assert refusal(court.contradict, *told, signer="wallet") == NONE


def test_contradict__papers_under_no_root__are_refused(court):
    s = court.suspect()
    epoch = court.work(s, lie={1: {"sequence": 7}})
    called = s.books.called(s.assignment, epoch, 1)
    s.books.summaries[epoch][0] = replace(s.books.summaries[epoch][0], fuel=1)

    reason = refusal(court.contradict, s, 1, s.books.summed(epoch), called)

    assert reason == "audits: wrong summary"


@pytest.mark.parametrize(("epochs", "reason"), [(7, None), (8, "audits: wrong epoch")])
def test_contradict__after_seven_epochs__is_too_late(court, epochs, reason):
    s = court.suspect()
    epoch = court.work(s, lie={1: {"sequence": 7}})
    called = s.books.called(s.assignment, epoch, 1)
    court.next_epoch(epoch + epochs - court.epoch)

    if reason is None:
        assert court.contradict(s, 1, s.books.summed(epoch), called).events
    else:
        assert refusal(court.contradict, s, 1, s.books.summed(epoch), called) == reason


def test_contradict__convicted_before__is_refused(court):
    s = court.suspect()
    epoch = court.work(s, lie={1: {"sequence": 7}})
    called = s.books.called(s.assignment, epoch, 1)
    court.contradict(s, 1, s.books.summed(epoch), called)

    reason = refusal(court.contradict, s, 1, s.books.summed(epoch), called)

    assert reason == "audits: no such assignment"

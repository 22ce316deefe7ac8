"""ask and answer: a root must be shown, or silence costs the bond."""

from dataclasses import astuple

import pytest

from tests.contracts.driver.court import refusal
from tests.contracts.driver.stage import PRICE, ROOT, field
from tests.model.evidence import NO_RECEIPT, NO_SUMMARY, Called, Summed, climb, pack

pytestmark = pytest.mark.unit

FLT = 10**18
FEE, BOND, CAP = 2 * FLT, 100 * FLT, 50 * FLT


def test_ask__answered__pays_the_provider(court):
    s = court.suspect()
    epoch = court.work(s)
    before = court.view("flt", "balanceOf", court.roles["stranger"])
    case = court.ask_for(s, epoch, sequence=1)
    assert court.view("flt", "balanceOf", court.roles["stranger"]) == before - FEE

    called = s.books.called(s.assignment, epoch, 1)
    outcome = court.answer(case, s.books.summed(epoch), called)

    assert field(outcome, "Closed", "outcome") == 1
    assert court.free_flt("provider") == FEE
    assert court.assignment(s.assignment)["state"] == 2


@pytest.mark.parametrize("sequence", [3, 4, 2**64 - 1])
def test_answer__a_call_that_never_was__needs_the_summary_only(court, sequence):
    s = court.suspect()
    epoch = court.work(s)
    case = court.ask_for(s, epoch, sequence)

    outcome = court.answer(case, s.books.summed(epoch))

    assert field(outcome, "Closed", "outcome") == 1


def test_answer__before_the_first_call_of_the_epoch__needs_the_summary_only(court):
    s = court.suspect()
    court.work(s, calls=2)
    epoch = court.work(s, calls=2)

    assert field(
        court.answer(court.ask_for(s, epoch, 1), s.books.summed(epoch)), "Closed", "outcome"
    )


def test_answer__idle_epoch__needs_its_summary(court):
    s = court.suspect()
    epoch = court.work(s, calls=0)

    assert (
        field(court.answer(court.ask_for(s, epoch), s.books.summed(epoch)), "Closed", "outcome")
        == 1
    )


@pytest.mark.parametrize("calls", [1, 2, 3, 5, 8, 13])
def test_answer__trees_of_any_size__each_call_can_be_shown(court, calls):
    s, beside = court.suspect(), court.suspect()
    epoch = court.epoch
    for place in range(calls):
        s.books.serve(s.deal, s.assignment, epoch)
        s.books.summaries[epoch].append(
            beside.books.close(beside.deal, 1_000 + place, epoch, peer=s.peer)
        )
    s.books.close(s.deal, s.assignment, epoch)
    court.next_epoch()
    court.commit(s, epoch)

    for place in range(calls):
        case = court.ask_for(s, epoch, place)
        called = s.books.called(s.assignment, epoch, place)
        assert field(court.answer(case, s.books.summed(epoch, calls), called), "Closed", "case")


def test_answer__late_but_unresolved__counts(court):
    s = court.suspect()
    epoch = court.work(s)
    case = court.ask_for(s, epoch, 99)
    court.next_epoch(9)

    assert field(court.answer(case, s.books.summed(epoch)), "Closed", "outcome") == 1


def test_answer__twice_or_unknown__reverts(court):
    s = court.suspect()
    epoch = court.work(s)
    case = court.ask_for(s, epoch, 99)
    court.answer(case, s.books.summed(epoch))

    for number in (case, case + 1, 0):
        assert refusal(court.answer, number, s.books.summed(epoch)) == "audits: not open"


def test_answer__wrong_papers__reverts(court):
    s, beside = court.suspect(), court.suspect()
    other_epoch = court.work(s)
    epoch = court.epoch
    court.work(s)
    court.work(beside)
    case = court.ask_for(s, epoch, sequence=4)
    summed, called = s.books.summed(epoch), s.books.called(s.assignment, epoch, 1)

    def changed(paper, **fields):
        return type(paper)(**{**vars_of(paper), **fields})

    bent = (*summed.fields[:5], summed.fields[5] + 1, *summed.fields[6:])
    for wrong in (
        s.books.summed(other_epoch),
        beside.books.summed(court.epoch - 1),
        changed(summed, fields=bent),
    ):
        assert refusal(court.answer, case, wrong, called) == "audits: wrong summary"
    for place in (0, 2):
        wrong = s.books.called(s.assignment, epoch, place)
        assert refusal(court.answer, case, summed, wrong) == "audits: wrong receipt"
    assert refusal(court.answer, case, summed, NO_RECEIPT) == "0x"
    assert refusal(court.answer, case, NO_SUMMARY, called) == "audits: wrong summary"
    court.answer(case, summed, called)


def vars_of(paper):
    return {name: getattr(paper, name) for name in paper.__dataclass_fields__}


@pytest.mark.parametrize("lie", [{"assignment": 77}, {"deal": 77}, {"sequence": 9}])
def test_answer__receipt_of_something_else__does_not_answer(court, lie):
    s = court.suspect()
    epoch = court.work(s, calls=1, lie={0: lie})
    case = court.ask_for(s, epoch, 0)
    called = s.books.called(s.assignment, epoch, 0)

    reason = refusal(court.answer, case, s.books.summed(epoch), called)

    assert reason == "audits: wrong receipt"


def test_answer__receipt_out_of_its_place__does_not_answer(court):
    s = court.suspect()
    epoch = court.work(s, calls=2, lie={0: {"sequence": 1}, 1: {"sequence": 0}})
    case = court.ask_for(s, epoch, 0)
    called = s.books.called(s.assignment, epoch, 1)

    reason = refusal(court.answer, case, s.books.summed(epoch), called)

    assert reason == "audits: wrong receipt"


@pytest.mark.parametrize("shape", ["short", "long", "outside", "no size", "huge"])
def test_answer__path_of_another_shape__reverts_without_a_reason(court, shape):
    s = court.suspect()
    epoch = court.work(s, calls=4)
    case = court.ask_for(s, epoch, 1)
    summed, called = s.books.summed(epoch), s.books.called(s.assignment, epoch, 1)
    if shape == "short":
        called = Called(called.fields, 1, called.path[:-1])
    elif shape == "long":
        called = Called(called.fields, 1, (*called.path, bytes(32)))
    elif shape == "outside":
        summed = Summed(summed.fields, 1, 1, summed.path)
    elif shape == "no size":
        summed = Summed(summed.fields, 0, 0, summed.path)
    else:
        summed = Summed(summed.fields, 0, 2**32 + 1, summed.path)

    assert refusal(court.answer, case, summed, called) == "0x"


def test_answer__receipt_of_the_largest_tree__is_read_and_of_a_larger_one_not(court):
    s = court.suspect()
    path = (bytes(32),) * 32

    def ask_about_one_of(count):
        epoch = court.epoch
        receipt = s.books.serve(s.deal, s.assignment, epoch)
        root = climb(pack(*astuple(receipt)), 0, 2**32, path)
        s.books.close(s.deal, s.assignment, epoch, count=count, root=int.from_bytes(root, "big"))
        court.next_epoch()
        court.commit(s, epoch)
        case = court.ask_for(s, epoch, receipt.sequence)
        return case, s.books.summed(epoch), Called(astuple(receipt), 0, path)

    assert field(court.answer(*ask_about_one_of(2**32)), "Closed", "outcome") == 1
    # Its path would have to be longer than what is read of it.
    assert refusal(court.answer, *ask_about_one_of(2**32 + 1)) == "0x"


@pytest.mark.parametrize(("epochs", "is_over"), [(2, False), (3, True)])
def test_resolve__silence__convicts_after_three_epochs(court, epochs, is_over):
    s = court.suspect(units=4)
    epoch = court.work(s)
    case = court.ask_for(s, epoch)
    court.pass_seconds(epochs * court.parameters.epoch_seconds)
    if not is_over:
        court.pass_seconds(court.parameters.epoch_seconds - 1)
        assert refusal(court.audits.resolve, case, by=court.roles["matcher"]) == "audits: too soon"
        return

    outcome = court.audits.resolve(case, by=court.roles["matcher"])

    assert field(outcome, "Closed", "outcome") == 2
    assert field(outcome, "Closed", "seized") == 4 * BOND
    assert court.free_flt("stranger") == FEE + CAP
    assert court.free_flt("developer") == CAP
    assert court.view("audits", "burned") == 4 * BOND - 2 * CAP
    assert court.peer(s.peer)["units"] == court.peer(s.peer)["used"] == 0
    assert court.view("market", "assignment_word", s.assignment) == 0


def test_resolve__small_bond__gives_quarters(court):
    s = court.suspect()
    case = court.ask_for(s, court.work(s))
    court.next_epoch(4)

    court.audits.resolve(case, by=court.roles["stranger"])

    assert court.free_flt("developer") == BOND // 4
    assert court.view("audits", "burned") == BOND // 2


def test_resolve__silence__gives_unclaimed_epochs_to_the_developer(court):
    s = court.suspect()
    first = court.work(s)
    for _ in range(3):
        court.work(s)
    case = court.ask_for(s, first)
    court.next_epoch(4)

    court.audits.resolve(case, by=court.roles["stranger"])

    assert court.free(court.roles["developer"]) == 8 * PRICE
    assert court.free(court.roles["provider"]) == 0


def test_resolve__chain_stood_still__is_too_soon(court):
    s = court.suspect()
    case = court.ask_for(s, court.work(s))
    court.travel(court.now + 10 * court.parameters.epoch_seconds, blocks=0)
    court.travel(court.now + 1, blocks=2)

    assert refusal(court.audits.resolve, case, by=court.roles["stranger"]) == "audits: too soon"
    court.travel(court.now + 1, blocks=1)
    court.audits.resolve(case, by=court.roles["stranger"])


def test_resolve__root_is_no_longer_kept__is_void(court):
    s = court.suspect()
    epoch = court.work(s)
    case = court.ask_for(s, epoch)
    court.next_epoch(epoch + 17 - court.epoch)

    outcome = court.audits.resolve(case, by=court.roles["stranger"])

    assert field(outcome, "Closed", "outcome") == 4
    assert court.free_flt("stranger") == FEE
    assert court.assignment(s.assignment)["state"] == 2


def test_resolve__last_epoch_that_the_root_is_kept__convicts(court):
    s = court.suspect()
    epoch = court.work(s)
    case = court.ask_for(s, epoch)
    court.next_epoch(epoch + 16 - court.epoch)

    assert field(court.audits.resolve(case, by=court.roles["stranger"]), "Closed", "outcome") == 2


def test_resolve__convicted_before__closes_with_nothing(court):
    s = court.suspect()
    epoch = court.work(s)
    cases = [court.ask_for(s, epoch, sequence) for sequence in range(2)]
    court.next_epoch(4)
    court.audits.resolve(cases[0], by=court.roles["stranger"])

    outcome = court.audits.resolve(cases[1], by=court.roles["stranger"])

    assert field(outcome, "Closed", "seized") == 0
    assert refusal(court.audits.resolve, cases[1], by=court.roles["stranger"]) == "audits: not open"
    assert refusal(court.audits.resolve, 99, by=court.roles["stranger"]) == "audits: not open"


def test_ask__each_call_of_each_epoch__once_ever(court):
    s = court.suspect()
    epoch = court.work(s)
    later = court.work(s)
    court.answer(court.ask_for(s, epoch, 5), s.books.summed(epoch))

    assert refusal(court.ask_for, s, epoch, 5) == "audits: asked before"
    court.ask_for(s, epoch, 6)
    court.ask_for(s, later, 5)


def test_ask__epochs_outside_of_service__are_refused(court):
    idle = court.suspect()
    court.work(idle)
    s = court.suspect(units=2)
    start = court.epoch
    court.commit(idle, start - 1)
    court.next_epoch()
    court.market.leave([s.assignment], 56, by=court.roles["wallet"])
    for epoch in (start - 1, start + 1):
        assert refusal(court.ask_for, s, epoch) == "audits: wrong epoch"
    assert refusal(court.ask_for, s, start) == "audits: no root"
    court.commit(s, start, ROOT)
    court.ask_for(s, start)


def test_ask__seven_epochs_later__is_the_last_chance(court):
    s = court.suspect()
    epoch = court.work(s)
    court.next_epoch(epoch + 7 - court.epoch)
    court.ask_for(s, epoch)
    court.next_epoch()

    assert refusal(court.ask_for, s, epoch, 1) == "audits: wrong epoch"


def test_ask__pending_or_unknown__is_refused(court):
    peer = court.register()
    _, [pending], _ = court.open(court.fill(peer))
    court.next_epoch()
    by = court.roles["stranger"]
    for number in (pending, 99, 0):
        reason = refusal(court.audits.ask, number, court.epoch - 1, 0, by=by)
        assert reason == "audits: no such assignment"


def test_ask__sequence_beyond_its_width__is_refused(court):
    s = court.suspect()
    epoch = court.work(s)

    assert refusal(court.ask_for, s, epoch, 2**64) == "audits: amount out of range"


def test_ask__from_free_money_first(court):
    s = court.suspect()
    epoch = court.work(s)
    stranger = court.roles["stranger"]
    court.audits.deposit(FEE - 1, by=stranger)
    before = court.view("flt", "balanceOf", stranger)

    court.ask_for(s, epoch)

    assert court.free_flt("stranger") == 0
    assert court.view("flt", "balanceOf", stranger) == before - 1


def test_ask__dead_but_not_released__must_be_in_the_root(court):
    s = court.suspect()
    court.market.stop(s.deal, by=court.roles["developer"])
    court.next_epoch()
    epoch = court.work(s, calls=0)

    court.ask_for(s, epoch)
    court.market.release([s.assignment], by=court.roles["stranger"])

    assert refusal(court.ask_for, s, epoch, 1) == "audits: wrong epoch"


def test_money__deposit_and_withdraw__is_the_account_s_own(court):
    stranger = court.roles["stranger"]
    court.audits.deposit(5, by=stranger)
    for amount, reason in ((6, "audits: not enough free"), (0, "audits: amount out of range")):
        assert refusal(court.audits.withdraw, amount, stranger, by=stranger) == reason
    for nowhere in ("0x" + 40 * "0", court.contracts["audits"].address):
        assert refusal(court.audits.withdraw, 5, nowhere, by=stranger) == "tokens: bad receiver"
    for amount in (0, 2**128):
        assert refusal(court.audits.deposit, amount, by=stranger) == "audits: amount out of range"

    court.audits.withdraw(5, court.roles["developer"], by=stranger)

    assert court.free_flt("stranger") == 0


def test_ask__open__holds_nobodys_money_back(court):
    s = court.suspect()
    court.work(s)
    epoch = court.work(s)
    court.ask_for(s, epoch)
    court.next_epoch()

    court.market.claim([s.assignment], by=court.roles["stranger"])
    earned = court.free(court.roles["provider"])
    court.market.withdraw(earned, court.roles["provider"], by=court.roles["provider"])
    court.market.top_up(s.deal, PRICE, by=court.roles["developer"])
    court.staking.request(FLT, by=court.roles["provider"])

    assert earned >= PRICE
    assert court.free(court.roles["provider"]) == 0

"""The journal: what was done is not done twice, whatever happens to its file."""

import resource
from contextlib import contextmanager

import pytest

from meter.journal import Journal, dump_summed
from tests.meter.shown_papers import Chain, ShownEpoch
from tests.meter.test_examine import found
from wasmarket.kernel.errors import Conflict
from wasmarket.kernel.events.audits import CaseOutcome

pytestmark = pytest.mark.unit


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def summed():
    made = Chain(3, 7, 9)
    receipts = made.run(5)
    return found(ShownEpoch([made.sum_up(5, receipts)], receipts)).summed


def write_checked(journal, epoch=5, work=10):
    journal.write(
        "checked",
        assignment=9,
        deal=7,
        peer=3,
        epoch=epoch,
        work=work,
        summed=dump_summed(summed()),
    )


def test_journal__read_again__adds_up_to_the_same(path):
    journal = Journal(path)
    write_checked(journal)
    journal.write("signed", assignment=9, work=10)
    write_checked(journal, epoch=6, work=5)
    journal.write("asked", case=4, assignment=9, epoch=7, fee=2)
    journal.write("lied", assignment=9, epoch=7, problem="it lies")
    before = (journal.books, journal.cases, journal.asked, journal.spent)
    journal.close()

    again = Journal(path)

    assert (again.books, again.cases, again.asked, again.spent) == before
    book = again.book(9)
    assert (book.checked, book.work, book.signed, book.problems) == (7, 15, 10, {7: "it lies"})
    assert again.spent == 2
    again.close()


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_journal__torn_in_its_last_line__forgets_that_line_alone(path, cut):
    journal = Journal(path)
    write_checked(journal)
    journal.write("signed", assignment=9, work=10)
    journal.close()
    path.write_bytes(path.read_bytes()[:-cut])

    again = Journal(path)

    assert (again.book(9).checked, again.book(9).signed) == (5, 0)
    again.write("signed", assignment=9, work=10)
    assert [line["what"] for line in again.read()] == ["checked", "signed"]
    again.close()


def test_journal__second_process__is_refused(path):
    journal = Journal(path)

    with pytest.raises(Conflict, match="another meter"):
        Journal(path)
    journal.write("signed", assignment=9, work=1)
    assert len(list(Journal(path, is_read_only=True).read())) == 1
    journal.close()


@contextmanager
def full_disk(path, room):
    """No file of this process grows beyond what `path` has and `room` bytes more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 30])
def test_journal__line_that_a_full_disk_refused__counts_once_when_it_is_written_again(path, room):
    journal = Journal(path)
    write_checked(journal)
    with full_disk(path, room), pytest.raises(OSError, match=r"File too large|No space"):
        write_checked(journal, epoch=6, work=5)

    write_checked(journal, epoch=6, work=5)

    assert journal.book(9).work == 15
    journal.close()
    again = Journal(path)
    assert (again.book(9).checked, again.book(9).work) == (6, 15)
    again.close()


@pytest.mark.parametrize(("outcome", "spent"), [(CaseOutcome.ANSWERED, 2), (CaseOutcome.VOID, 0)])
def test_budget__what_comes_back__counts_no_more(path, outcome, spent):
    journal = Journal(path)
    journal.write("asked", case=4, assignment=9, epoch=7, fee=2)

    journal.write("closed", case=4, outcome=int(outcome))

    assert (journal.spent, journal.cases) == (spent, {})
    journal.close()


@pytest.mark.parametrize(
    ("outcome", "spent"),
    [
        (None, 71),
        (CaseOutcome.CONVICTED, 0),
        (CaseOutcome.ACQUITTED, 71),
        (CaseOutcome.VOID, 71),
    ],
)
def test_budget__accusation__counts_unless_it_convicts(path, outcome, spent):
    journal = Journal(path)
    journal.write("accused", case=4, assignment=9, epoch=7, fee=71)

    if outcome is not None:
        journal.write("closed", case=4, outcome=int(outcome))
    journal.close()

    again = Journal(path)
    assert again.spent == spent
    again.close()


def test_missed__keeps_the_summary_that_the_next_must_follow(path):
    journal = Journal(path)
    write_checked(journal)

    journal.write("missed", assignment=9, deal=7, peer=3, epoch=6)

    book = journal.book(9)
    assert (book.checked, book.previous) == (6, summed())
    journal.close()


def test_undone__lie__is_looked_at_again_with_what_was_before_it(path):
    journal = Journal(path)
    write_checked(journal)
    journal.write("asked", case=4, assignment=9, epoch=6, fee=2, block=30)
    journal.write("lied", assignment=9, epoch=6, problem="it lies")
    journal.write("missed", assignment=9, epoch=7)

    journal.write("undone", assignment=9, epoch=6, case=4)
    journal.close()

    again = Journal(path)
    book = again.book(9)
    assert (book.again, book.before, book.checked) == ({6}, {6: summed()}, 7)
    assert (again.cases, again.asked, again.spent) == ({}, set(), 0)
    again.write("lied", assignment=9, epoch=6, problem="it lies")
    assert (book.again, book.checked) == (set(), 7)
    again.close()


def test_know__number_goes_to_another_deal__each_deal_has_its_own_book(path):
    journal = Journal(path)
    journal.know(9, 7, "0xaa")
    write_checked(journal)
    journal.write("signed", assignment=9, work=10)
    journal.write("asked", case=4, assignment=9, epoch=6, fee=2, block=30)
    journal.write("lied", assignment=9, epoch=6, problem="it lies")

    journal.know(9, 8, "0xbb")
    journal.write("undone", assignment=9, epoch=6, case=4)

    other = journal.book(9)
    assert (other.work, other.signed, other.problems, other.again) == (0, 0, {}, set())
    assert journal.asked == set()
    journal.know(9, 7, "0xaa")
    journal.close()
    again = Journal(path)
    book = again.book(9)
    assert (book.work, book.signed, book.again) == (10, 10, {6})
    assert (again.asked, again.cases) == (set(), {})
    again.close()


def test_know__same_number_and_deal_of_another_offer__is_another(path):
    journal = Journal(path)
    journal.know(9, 7, "0xaa")
    write_checked(journal)

    journal.know(9, 7, "0xbb")

    assert journal.book(9).work == 0
    journal.close()


def test_know__journal_without_owners__is_the_first_deals(path):
    journal = Journal(path)
    write_checked(journal)

    journal.know(9, 7, "0xaa")
    journal.know(9, 7, "0xaa")

    assert journal.book(9).work == 10
    assert [line["what"] for line in journal.read()] == ["checked", "assigned"]
    journal.close()


def write_seen(journal, *sequences):
    for sequence in sequences:
        journal.write("seen", assignment=9, sequence=sequence, receipt="ab" * 32, input="cd" * 32)


def test_seen__receipts_that_are_committed_so__are_let_go_and_later_ones_kept(path):
    journal = Journal(path)
    write_seen(journal, 0, 2, 3, 7)

    write_checked(journal)

    assert sorted(journal.book(9).seen) == [3, 7]
    journal.close()


def test_seen__of_a_peer_that_lied__are_kept_for_another_look(path):
    journal = Journal(path)
    write_seen(journal, 0, 3)
    journal.write("gave up", assignment=9, epoch=5)

    write_checked(journal)

    assert sorted(journal.book(9).seen) == [0, 3]
    journal.close()

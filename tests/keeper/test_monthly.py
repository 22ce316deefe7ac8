"""Statements of months are written once each when they are over, whole, and said."""

import pytest

from keeper.book import KeeperBook
from keeper.duties.monthly import GRACE_SECONDS, MonthlyStatements
from keeper.notices import Notices
from keeper.policy import StatementRule
from wasmarket.client.statements.statement import Month, Side, Statement
from wasmarket.kernel.errors import Unreachable

pytestmark = pytest.mark.unit

OVER = Month.parse("2026-12").begin + GRACE_SECONDS
NAME = "provider-0x12-2026-11"


class Source:
    def __init__(self):
        self.read = []
        self.fails = False

    def read_statement(self, side, month):
        if self.fails:
            raise Unreachable("the matcher is down")
        self.read.append(month.name)
        return Statement(Side(side), "0x12", month, 1, 2, True, ())


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def make(tmp_path, source):
    books, told = [], []

    def build():
        while books:
            books.pop().close()
        books.append(KeeperBook(tmp_path / "journal.jsonl"))
        notices = Notices(books[0], {"list": told.append})
        rule = StatementRule("alpha", "provider", "papers", ("csv", "pdf"))
        made = MonthlyStatements(
            [rule], {"alpha": source}, books[0], notices, lambda _: b"%PDF", base=tmp_path
        )

        def step(timestamp):
            made.step(timestamp)
            notices.deliver()

        return step

    yield build, told
    books.pop().close()


def test_statement__of_a_month_that_is_over__is_written_once_over_restarts(make, source, tmp_path):
    build, told = make
    for _ in range(3):
        build()(OVER)

    assert source.read == ["2026-11"]
    assert (tmp_path / "papers" / f"{NAME}.pdf").read_bytes() == b"%PDF"
    assert (tmp_path / "papers" / f"{NAME}.csv").read_text().startswith("time,kind")
    assert sorted(p.name for p in (tmp_path / "papers").iterdir()) == [f"{NAME}.csv", f"{NAME}.pdf"]
    assert [notice.value for notice in told] == ["2026-11"]


def test_statement__month_that_just_ended__waits_for_its_last_blocks(make, source):
    build, _ = make
    step = build()
    step(OVER - 1)
    assert source.read == ["2026-10"]

    step(OVER)

    assert source.read == ["2026-10", "2026-11"]


def test_statement__that_could_not_be_read__is_tried_again(make, source):
    build, told = make
    step = build()
    source.fails = True
    with pytest.raises(Unreachable):
        step(OVER)
    source.fails = False

    step(OVER)

    assert (source.read, len(told)) == (["2026-11"], 1)

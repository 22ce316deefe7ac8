"""Statements as values, CSV and PDF: exact amounts, sums of what is listed, months in UTC."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pdf_text import read_pdf
from wasmarket.client.statements.pdf import write_pdf
from wasmarket.client.statements.statement import (
    LineKind,
    Month,
    Side,
    Statement,
    StatementLine,
    sort_lines,
    write_csv,
)
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit

ACCOUNT = "0x" + "12" * 20
NOVEMBER = Month("2026-11", 1_793_491_200, 1_796_083_200)


def line(amount, kind=LineKind.PAID, token="usdc", *, deal=7, block=5, place=0):
    return StatementLine(
        NOVEMBER.begin + 60,
        kind,
        token,
        amount,
        "0x" + f"{block:02x}" * 32,
        block,
        place,
        deal,
        3,
        None,
        "10-12",
    )


def statement(*lines, whole=True):
    return Statement(Side.DEVELOPER, ACCOUNT, NOVEMBER, 31337, 900, whole, sort_lines(lines))


def test_month__as_people_write_it__begins_and_ends_in_utc():
    assert Month.parse("2026-11") == NOVEMBER
    assert Month.parse("2026-12").begin == NOVEMBER.end
    assert Month.before(NOVEMBER.end).name == "2026-11"
    assert Month.before(NOVEMBER.end - 1).name == "2026-10"
    assert Month.before(Month.parse("2027-01").begin).name == "2026-12"


@pytest.mark.parametrize("text", ["", "2026-13", "2026-1", "26-11", "2026-11-01", "0000-01", "x"])
def test_month__anything_else__is_refused(text):
    with pytest.raises(InvalidInput, match="is no month"):
        Month.parse(text)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 2**64),
            st.sampled_from(LineKind),
            st.sampled_from(["usdc", "flt", "coins"]),
            st.integers(1, 3),
        ),
        max_size=20,
    )
)
def test_csv__read_again__adds_up_to_the_sums_to_the_last_unit(entries):
    found = statement(*(line(a, kind, token, deal=deal) for a, kind, token, deal in entries))

    rows = list(csv.DictReader(io.StringIO(write_csv(found))))

    for (kind, token), amount in found.sum_by_kind().items():
        own = [row for row in rows if (row["kind"], row["token"]) == (kind, token)]
        assert sum(int(row["base_units"]) for row in own) == amount
    by_deal = found.sum_by_deal()
    assert sum(sum(of.values()) for of in by_deal.values()) == sum(
        int(row["base_units"]) for row in rows if row["token"] == "usdc"
    )
    for row in rows:
        digits = 6 if row["token"] == "usdc" else 18
        whole, _, part = row["amount"].partition(".")
        assert int(whole) * 10**digits + int(part.ljust(digits, "0")) == int(row["base_units"])


def test_csv__of_a_line__names_when_where_and_what():
    [row] = csv.DictReader(io.StringIO(write_csv(statement(line(1_500_001)))))

    assert row == {
        "time": "2026-11-01T00:01:00Z",
        "kind": "paid to providers",
        "deal": "7",
        "assignment": "3",
        "peer": "",
        "epochs": "10-12",
        "token": "usdc",
        "amount": "1.500001",
        "base_units": "1500001",
        "transaction": "0x" + "05" * 32,
        "block": "5",
    }


def test_pdf__of_a_statement__has_sums_and_every_transaction_whole():
    lines = [line(1_500_000 + n, block=n + 1) for n in range(60)]
    found = statement(*lines, line(3 * 10**15, LineKind.GAS, "coins", deal=None), whole=False)

    content = write_pdf(found)

    words = read_pdf(content).replace("\n", "")
    assert content == write_pdf(found)
    assert "2026-11 (until now)" in words
    assert "90.001770 USDC" in words
    assert "0.003" in words
    for one in lines:
        assert one.tx in words

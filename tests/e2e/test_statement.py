"""`wasmarket statement` of both sides, beside the events of the chain itself."""

import csv
from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.pdf_text import read_pdf
from wasmarket.client.statements.reading import StatementReader
from wasmarket.client.statements.statement import LineKind, Month, Side
from wasmarket.kernel.errors import BadContent
from wasmarket.kernel.events import Claimed

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def month(market):
    """Return a month in which a deal was made, topped up, claimed and stopped."""
    deal = market.deploy(only="alpha", deposit=400_000)
    for _ in range(4):
        market.next_epoch()
    assert market.run("top-up", deal, "0.5", "--key", "developer").code == 0
    assert market.run("claim", "--key", "alpha").code == 0
    assert market.run("take", deal, "0.1", "--key", "developer").code == 0
    assert market.run("stop", deal, "--key", "developer", "--yes").code == 0
    market.wait_indexed()
    now = market.wiring.clock.refresh()
    return deal, datetime.fromtimestamp(now, UTC).strftime("%Y-%m")


def test_statement__of_a_provider__has_every_claim_of_the_chain_and_the_gas(
    market, month, tmp_path
):
    _, name = month
    ran = market.run(
        *("statement", "--month", name, "--as", "provider", "--key", "alpha", "--json"),
        *("--csv", tmp_path / "s.csv", "--pdf", tmp_path / "s.pdf"),
    )

    assert ran.code == 0, ran.err
    sums = {(one["kind"], one["token"]): int(one["amount"]) for one in ran.json["sums"]}
    own = [e for e in market.events(Claimed) if e.provider == market.address("alpha")]
    assert sums["earned", "usdc"] == sum(event.paid for event in own) > 0
    assert sums["gas", "coins"] > 0
    assert ran.json["whole"] is False
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert len(rows) == len(ran.json["lines"])
    words = read_pdf((tmp_path / "s.pdf").read_bytes()).replace("\n", "")
    assert all(row["transaction"] in words for row in rows)


def test_statement__of_a_developer__follows_the_money_of_a_deal(market, month):
    deal, name = month
    ran = market.run("statement", "--month", name, "--key", "developer", "--json")

    assert ran.code == 0, ran.err
    sums = Counter()
    for one in ran.json["lines"]:
        if one["deal"] == deal and one["token"] == "usdc":
            sums[one["kind"]] += int(one["amount"])
    paid = sum(
        event.paid + event.refunded
        for event in market.events(Claimed)
        if event.assignment in {row["id"] for row in market.assignments(deal)}
    )
    assert sums["deposit"] == 400_000
    assert (sums["top-up"], sums["taken back"]) == (500_000, 100_000)
    assert sums["paid to providers"] + sums["refunded"] == paid > 0
    back = sums["taken back"] + sums["returned at the end"]
    assert back < sums["deposit"] + sums["top-up"]
    table = market.run("statement", "--month", name, "--key", "developer").out
    assert "each found in its transaction" in table
    assert "top-up" in table


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--month", "2026-13"), 2, "is no month"),
        (("--month", "2999-01"), 2, "has not begun"),
        (("--month", "2020-01"), 0, "nothing was moved"),
    ],
)
def test_statement__of_another_month__is_said(market, arguments, code, words):
    ran = market.run("statement", *arguments, "--key", "developer")

    assert (ran.code, words in ran.err + ran.out) == (code, True), ran.err


class Lying:
    """A matcher whose answers are changed on their way."""

    def __init__(self, matcher, change):
        self._matcher, self._change = matcher, change

    def get(self, *arguments):
        return self._matcher.get(*arguments)

    def items(self, path, asked):
        rows = list(self._matcher.items(path, asked))
        return iter(self._change(rows) if path == "/v1/claims" else rows)


def pay_more(rows):
    return [rows[0] | {"paid": str(int(rows[0]["paid"]) + 1)}, *rows[1:]]


def name_another(rows):
    return [rows[0] | {"log_index": rows[0]["log_index"] + 7}, *rows[1:]]


def move_in_time(rows):
    return [rows[0] | {"at": rows[0]["at"] + 1}, *rows[1:]]


@pytest.mark.parametrize("change", [pay_more, name_another, move_in_time])
def test_statement__index_that_differs_from_the_chain__is_refused(market, month, change):
    reader = StatementReader(market.wiring)
    reader._matcher = Lying(reader._matcher, change)

    with pytest.raises(BadContent, match="the chain does not"):
        reader.read(Side.PROVIDER, market.address("alpha"), Month.parse(month[1]))


def test_statement__of_a_month__names_each_kind_once_in_its_order(market, month):
    found = StatementReader(market.wiring).read(
        Side.DEVELOPER, market.address("developer"), Month.parse(month[1])
    )

    kinds = [kind for kind, _ in found.sum_by_kind()]
    assert kinds == sorted(kinds, key=list(LineKind).index)

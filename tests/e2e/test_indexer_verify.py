"""`wasmarket indexer verify` and `wasmarket export` beside a running market."""

import csv
import sqlite3
from contextlib import closing

import pytest

from tests.e2e.market_driver import run_here

pytestmark = pytest.mark.e2e


def test_verify__running_market__is_equal(market, deal):
    ran = market.run("indexer", "verify", "--replay", "--json")

    assert ran.code == 0, ran.out + ran.err
    assert (ran.json["equal"], ran.json["differences"]) == (True, [])
    assert min(ran.json["checked"][table] for table in ("deal", "assignment", "event")) > 0


def test_verify__block_to_come__says_what_the_store_has(market, deal):
    ran = market.run("indexer", "verify", "--block", 10**9)

    assert ran.code == 2
    assert "wait until it is indexed" in ran.err


def test_verify__wrong_balance__is_named_with_both_sides(market, deal, tmp_path, monkeypatch):
    copy = tmp_path / "copy.sqlite"
    with (
        closing(sqlite3.connect(market.wiring.home.store)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        target.execute("UPDATE deal SET balance = balance + 1 WHERE id = ?", (deal,))
        target.commit()

    with market.environment():
        monkeypatch.setenv("WASMARKET_STORE__URL", f"sqlite:///{copy}")
        ran = run_here("--home", str(market.home.root), "indexer", "verify")

    assert ran.code == 1
    assert "balance" in ran.out
    assert "--reindex" in ran.err


def test_export__csv_and_parquet__have_the_deal(market, deal, tmp_path):
    ran = market.run("export", tmp_path, "--table", "deal", "--table", "event", "--json")
    again = market.run("export", tmp_path / "new", "--table", "deal", "--format", "parquet")

    assert ran.code == again.code == 0, ran.err + again.err
    with (tmp_path / "deal.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert ran.json["rows"]["deal"] == len(rows)
    assert str(deal) in {row["id"] for row in rows}
    assert (tmp_path / "new" / "deal.parquet").read_bytes().endswith(b"PAR1")


def test_export__folder_is_a_file__says_so(market, tmp_path):
    (tmp_path / "file").write_text("")

    assert market.run("export", tmp_path / "file" / "below").code == 2

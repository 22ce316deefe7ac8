"""`wasmarket trigger list`: what a peer calls by itself, as its developer sees it."""

import shutil

import pytest

from tests.e2e.market_driver import GREETING, wait_until
from wasmarket.app.file import load_app

pytestmark = pytest.mark.e2e

TRIGGERS = """
[[trigger]]
kind = "start"
service = "greeting"
function = "greeting"
arguments = ["Ada"]

[[trigger]]
kind = "cron"
expression = "0 0 1 1 *"
service = "greeting"
function = "greeting"
arguments = ["Bob"]
"""


def test_list__of_a_deal_with_triggers__shows_last_and_next_firings(market, tmp_path):
    shutil.copytree(GREETING, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "app.toml").open("a") as file:
        file.write(TRIGGERS)
    deal = market.deploy(load_app(tmp_path), only="alpha")

    def find_fired():
        told = market.run("trigger", "list", deal, "--json").json["triggers"]
        return [entry for entry in told if entry["answered"]]

    [fired] = wait_until("the start is answered", find_fired)
    assert fired["kind"] == "start"
    assert fired["recent"][0]["state"] == "answered"

    ran = market.run("trigger", "list", deal)
    assert ran.code == 0, ran.err
    assert "start greeting.greeting (each)" in ran.out
    assert "cron greeting.greeting (one)" in ran.out
    assert "-01-01 00:00:00 UTC" in ran.out


def test_list__of_a_deal_without__says_so(market, deal):
    ran = market.run("trigger", "list", deal)

    assert (ran.code, ran.out.strip()) == (0, f"deal {deal} has no triggers")


def test_list__of_no_deal__says_so(market):
    ran = market.run("trigger", "list", 999_999)

    assert ran.code == 1
    assert "there is no deal 999999" in ran.err

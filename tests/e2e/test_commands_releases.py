"""An app after its first deployment: again, back, larger, smaller, watched, destroyed."""

import json
import shutil

import pytest

from tests.e2e.market_driver import GREETING, GREETING_V2, wait_until
from wasmarket.app.file import load_app

pytestmark = pytest.mark.e2e
SETTINGS = """
[settings]
LEVEL = "info"
"""


def lay(folder, example):
    """Put an example into a project, with a setting."""
    shutil.copytree(example, folder, dirs_exist_ok=True)
    with (folder / "app.toml").open("a") as file:
        file.write(SETTINGS)


@pytest.fixture(scope="module")
def project(market, tmp_path_factory):
    """A project that was deployed once, with room for a third unit, and its deal."""
    folder = tmp_path_factory.mktemp("project") / "greeting"
    lay(folder, GREETING)
    deployed = market.run(
        *("deploy", folder, "--units", 2, "--min-units", 1, "--spare", 1, "--per-provider", 2),
        *("--max-price", "0.02", "--setting", "LEVEL=debug", "--yes", "--json"),
    )
    assert deployed.code == 0, deployed.err
    return folder, deployed.json["deal"], deployed.json["app"]


def test_deploy__again__updates_the_deal_and_rollback_brings_the_old_back(market, project):
    folder, deal, first = project
    lay(folder, GREETING_V2)

    again = market.run("deploy", folder, "--yes", "--json")
    other_terms = market.run("deploy", folder, "--max-price", "0.5", "--yes")
    listed = market.run("versions", deal, "--json").json["versions"]
    back = market.run("rollback", deal, "--yes", "--json")

    [updated] = again.json["updated"]
    assert (updated["deal"], updated["overrides"]) == (deal, ["settings.LEVEL"])
    assert "setting LEVEL keeps what was given for this deal: 'debug'" in again.err
    assert updated["app"] != str(load_app(folder).cid)
    assert other_terms.code == 3
    assert "max_price was 20000, not 500000" in other_terms.err
    assert [row["version"] for row in listed] == [1, 2]
    assert listed[0]["cid"] == first != listed[1]["cid"] == updated["app"]
    assert listed[1]["peers"]
    assert (back.code, back.json["app"]) == (0, first), back.err
    assert market.call(deal, "greeting/greeting", ["x"]).json() == {"result": "Hi, x"}


def test_update__with_defaults__drops_what_was_given_for_the_deal(market, project):
    folder, deal, _ = project

    dropped = market.run("update", deal, folder, "--defaults", "--json")

    assert (dropped.code, dropped.json["overrides"]) == (0, []), dropped.err
    assert dropped.json["app"] == str(load_app(folder).cid)
    assert "setting LEVEL: 'debug' becomes 'info'" in dropped.err


def test_scale__up_and_down__fills_the_room_and_drops_the_dearest(market, project):
    folder, deal, _ = project

    up = market.run("scale", deal, 3, "--project", folder, "--yes", "--json")
    assert (up.code, up.json["units"]) == (0, 3), up.err
    beyond = market.run("scale", deal, 5, "--project", folder, "--dry-run")
    down = market.run("scale", deal, 1, "--yes", "--json")
    left = wait_until("units are gone", lambda: market.client().deal(deal)["units"] < 3)

    assert "offer: " in beyond.out
    assert "units 2, " in beyond.out
    assert "nothing was signed" in beyond.out
    assert down.code == 0, down.err
    assert down.json["dropped"]
    assert left


def test_watching__calls_at_all_peers__are_logged_counted_and_reachable(market, deal):
    for peer in market.client().serving_peers(deal):
        answer = market.call(
            deal, "greeting/greeting", [f"at {peer}"], {"Wasmarket-Peer": str(peer)}
        )
        assert answer.status_code == 200

    entries = [json.loads(line) for line in market.run("logs", deal, "--json").out.splitlines()]
    counted = market.run("metrics", deal, "--json").json
    opened = market.run("open", deal, "--print")

    peers = market.client().serving_peers(deal)
    assert {f"greeting at {peer}" for peer in peers} <= {entry["text"] for entry in entries}
    assert [entry["time"] for entry in entries] == sorted(entry["time"] for entry in entries)
    assert [row["peer"] for row in counted["peers"]] == peers
    assert counted["total"]["calls"]["answered"] >= len(peers)
    assert opened.out == f"{market.client().gateway.url}/v1/deals/{deal}/interface\n"
    assert "#answered" not in market.run("metrics", deal).out


def test_destroy__says_what_comes_back_and_is_forgotten(market, project):
    folder, deal, _ = project

    asked = market.run("destroy", deal, stdin=b"n\n")
    planned = market.run("destroy", deal, "--dry-run")
    done = market.run("destroy", deal, "--project", folder, "--withdraw", "--yes", "--json")

    assert asked.code == 1
    assert "come back to your free balance" in asked.out
    assert f"Market.stop({deal})" in planned.out
    assert int(done.json["withdrawn"]) == int(done.json["returned"]) > 0
    assert market.run("destroy", deal).code == 3
    assert list(
        json.loads((folder / ".wasmarket" / "deals.json").read_text())["deals"].values()
    ) == [[]]


def test_dry_run__of_what_pays__signs_nothing(market, deal):
    before = market.balance("developer")

    paid = market.run("top-up", deal, "1", "--dry-run", "--json").json
    shut = market.run("access", deal, "--new-key", "--dry-run")
    offered = market.run("deploy", market.greeting, "--new", "--dry-run", "--json").json
    refused = market.run("take", deal, "999999", "--dry-run")

    assert paid["dry_run"]
    assert paid["signs"][-1]["text"] == f"Market.top_up({deal}, 1000000)"
    assert "request: PUT" in shut.out
    assert [act["kind"] for act in offered["signs"]][:2] == ["upload", "offer"]
    assert refused.code == 3
    assert market.balance("developer") == before
    assert market.run("access", deal, "--json").json["mode"] == "public"

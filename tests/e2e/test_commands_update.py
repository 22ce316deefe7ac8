"""`wasmarket update` says success when it is true, and which peer stays behind when it is not."""

import pytest

from tests.e2e.market_driver import write_app
from tests.peer.apps import build_hostile

pytestmark = pytest.mark.e2e


def build(folder, health):
    """An app whose health call is answered by that function of the hostile module."""
    text = f'{{ service = "guest", function = "{health}" }}'
    write_app(folder, build_hostile(), health=text)
    return folder


def test_update__version_whose_health_fails__exits_1_with_peer_and_reason(market, tmp_path):
    good = write_app(
        tmp_path / "good", build_hostile(), health='{ service = "guest", function = "health" }'
    )
    deal = market.deploy(good, only="beta")

    failed = market.run("update", deal, build(tmp_path / "bad", "trap"))
    shown = market.run("status", deal)
    told = market.run("status", deal, "--json").json

    assert failed.code == 1
    assert "peer 3 goes on with the old version: " in failed.err
    assert "now runs" not in failed.out
    assert "cannot switch" in shown.out
    assert told["serving"][0]["app"] == good.app != told["app"]
    assert market.call(deal, "guest/number").json() == {"result": 7}


def test_update__version_that_loses_functions__is_refused_without_yes(market, deal, tmp_path):
    other = build(tmp_path / "other", "health")

    refused = market.run("update", deal, other, "--json")

    assert refused.code == 3
    assert "greeting.greeting is gone" in refused.err
    assert "--yes" in refused.err
    assert market.call(deal, "greeting/greeting", ["x"]).json() == {"result": "Hi, x"}

"""Peers by what they say of themselves, and wishes, each against the running market."""

import json

import httpx
import pytest

from matcher.engine.facts import LEAST_ANSWERS
from tests.e2e.market_driver import wait_until, write_app
from tests.peer.runtime.guests import build_guest
from wasmarket.kernel.selection.sites import sites

pytestmark = pytest.mark.e2e

TOO_SLOW_MS = 10
"""What no peer takes for a greeting."""
DE, FR, US = "hetzner-fsn1", "ovh-gra", "equinix-dc2"


def test_deploy__data_center_wished__takes_that_peer_and_says_what_excluded_the_others(market):
    answer = market.run(
        *("deploy", market.greeting, "--new", "--data-center", FR, "--max-evictions", 99),
        *("--budget", "1000", "--yes", "--json"),
    ).json

    deal = market.run("status", answer["deal"], "--json").json
    [assignment] = deal["assignments"]
    assert (assignment["peer"], assignment["price"]) == (2, "12000")
    ran = market.run("match", "verify", answer["deal"])
    assert ran.code == 0, ran.out
    assert "its wish limits its peers" in ran.out
    report = market.run("match", "verify", answer["deal"], "--json").json
    assert report["verified"]


def test_explain__data_center_where_nobody_is__names_the_wish_and_the_smallest_changes(market):
    answer = market.run(
        *("deploy", market.greeting, "--new", "--data-center", "ovh-waw", "--wait", 0),
        *("--max-price", "0.02", "--deposit", "1", "--yes", "--json"),
    ).json

    explained = market.run("explain", answer["offer"], "--json").json
    shown = market.run("explain", answer["offer"]).out

    excluded = {row["constraint"]: row["alone"]["peers"] for row in explained["excluded"]}
    assert explained["units"] == 0
    assert excluded["data_centers"] == 3
    changes = [row for row in explained["relaxations"] if row["field"] == "data_centers"]
    assert {tuple(row["to"]) for row in changes} >= {(FR, "ovh-waw"), (DE, "ovh-waw")}
    assert all(row["peers"] == 1 for row in changes)
    assert "data_centers" in shown
    market.run("offer", "cancel", answer["offer"], "--yes")


def test_deploy__wish_that_nobody_fulfils__is_told_before_anything_is_signed(market):
    ran = market.run("deploy", market.greeting, "--new", "--data-center", "ovh-waw", "--yes")

    assert ran.code != 0
    assert "without the wish data_centers there are" in ran.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--data-center", "my cellar"), "no data center"),
        (("--data-center", "fsn1"), "did you mean hetzner-fsn1"),
        (("--min-uptime", "99.5"), "99.5%"),
        (("--prefer", "alpha"), "ADDRESS=PERCENT"),
        (("--max-latency", 5), "gateway"),
        (("--metered", "--budget", 5), "metered"),
    ],
)
def test_quote__wish_that_means_nothing__is_refused_and_says_what_to_write(market, options, told):
    ran = market.run("quote", *options)

    assert ran.code == 2, ran.err
    assert told in ran.err


def test_dry_run__wish__is_shown_as_what_would_be_signed(market):
    plan = market.run(
        "deploy", market.greeting, "--new", "--data-center", DE, "--dry-run", "--json"
    ).json

    assert {entry["kind"] for entry in plan["signs"]} >= {"offer", "wish"}


def test_peer_find__by_site__lists_the_peers_that_say_so(market):
    [found] = market.run("peer", "find", "--site", FR, "--json").json
    shown = market.run("peer", "find", "--region", "DE").out

    assert found["id"] == 2
    assert found["document"]["site"]["city"] == "Gravelines"
    assert DE in shown
    assert market.run("peer", "find", "--claim", "renewable", "--json").json == []


def test_peer_document__running_peer__shows_what_it_signed(market):
    shown = market.run("peer", "document", "show", "alpha-1", "--json").json

    assert shown["signed"]
    assert (shown["peer"], shown["site"]) == (1, {"id": DE})
    assert shown["hardware"]["cores"] > 0
    out = market.run("peer", "document", "show", "alpha-1").out
    assert sites()[DE].name in out
    checked = market.run("peer", "document", "check", "alpha-1", "--number", 2)
    assert checked.code == 2
    assert "registered in FR" in checked.err


def test_peer_document_set__of_a_peer_that_runs__is_signed_and_reaches_the_matcher(market):
    market.run("peer", "document", "set", "beta-1", "--claim", "iso_27001=until 2027", "--json")

    shown = market.run("peer", "document", "show", "beta-1", "--json").json

    assert shown["claims"] == [{"kind": "iso_27001", "text": "until 2027", "url": ""}]
    assert shown["site"] == {"id": US}
    wait_until(
        "the matcher looks again",
        lambda: market.run("peer", "find", "--claim", "iso_27001", "--json").json,
        seconds=90,
    )


def test_peer_document_set__what_means_nothing__is_refused_and_nothing_is_kept(market):
    before = market.run("peer", "document", "show", "alpha-2", "--json").json
    for options in (
        ("--claim", "Very Green"),
        ("--site", "nowhere"),
        ("--cpu", "\x1b[2J"),
        ("--site-name", "Cellar"),
        ("--site", DE, "--site-name", "Cellar"),
    ):
        assert market.run("peer", "document", "set", "alpha-2", *options).code == 2, options

    after = market.run("peer", "document", "show", "alpha-2", "--json").json
    members = set(before) - {"issued", "expires"}
    assert {name: after[name] for name in members} == {name: before[name] for name in members}


def test_peer_benchmark__short_look__keeps_its_figures_for_the_document(market):
    ran = market.run("peer", "benchmark", "alpha-1", "--units", 1, "--json")

    assert ran.code == 0, ran.err
    figures = ran.json
    assert [entry["name"] for entry in figures["workloads"]] == [
        "integer",
        "memory",
        "hashing",
        "float",
    ]
    assert figures["speed"] > 0
    shown = market.run("peer", "document", "show", "alpha-1", "--json").json
    assert shown["speed"] == figures["speed"]
    assert json.dumps(shown["benchmark"]["workloads"]) == json.dumps(figures["workloads"])


def build_spinner():
    """Make a guest that takes some dozen milliseconds to answer."""
    return build_guest(
        """(func (export "spin") (result i32) (local $left i64)
          i64.const 50000000 local.set $left
          (loop $more
            local.get $left i64.const 1 i64.sub local.tee $left i64.eqz i32.eqz br_if $more)
          i32.const 7)""",
        "spin() -> u32",
    )


def slow_down(market, deal, peer):
    """Call what takes its time until nine of ten answers of the peer are not within a limit."""
    url = f"{market.client().gateway.url}/v1/measurements"
    while True:
        assert market.call(deal, "guest/spin").json() == {"result": 7}
        [measured] = httpx.get(url, params={"peer": peer}).json()["peers"]
        if measured["answered"] >= LEAST_ANSWERS and measured["p90_us"] >= TOO_SLOW_MS * 1_000:
            return


def test_deploy__latency_that_a_peer_does_not_keep__avoids_it_and_verify_says_whose_word(
    market, deal, tmp_path
):
    gateway = market.client().gateway.url
    # Peers that are alike take turns: each has enough answers.
    answers = [market.call(deal, "greeting/greeting", ["x"]) for _ in range(3 * LEAST_ANSWERS)]
    assert {answer.status_code for answer in answers} == {200}
    busy = market.deploy(write_app(tmp_path / "app", build_spinner()))
    # The cheapest that has room, which anybody would be given otherwise.
    [peer] = [entry["peer"] for entry in market.assignments(busy)]
    slow_down(market, busy, peer)
    slow = wait_until(
        "the matcher asks the gateway",
        lambda: next(
            (
                entry
                for entry in market.run("peer", "latencies", "--json").json["latencies"]
                if entry["peer"] == peer and entry["ms"] >= TOO_SLOW_MS
            ),
            None,
        ),
    )
    wished = ("--max-latency", slow["ms"] - 1, "--latency-by")

    quoted = market.run("quote", *wished, f"{gateway}/")
    refused = market.run("quote", *wished, "https://gw.example")
    answer = market.run(
        "deploy", market.greeting, "--new", *wished, gateway, "--yes", "--json"
    ).json

    assert f"latency is what {gateway} measured" in quoted.out
    assert refused.code == 2
    assert gateway in refused.err
    assert gateway in market.run("peer", "latencies", "--peer", slow["peer"]).out
    state = market.run("status", answer["deal"], "--json").json
    assert slow["peer"] not in {entry["peer"] for entry in state["assignments"]}
    ran = market.run("match", "verify", answer["deal"])
    assert ran.code == 0, ran.out
    assert f"by {gateway}: {slow['ms']} ms" in ran.out

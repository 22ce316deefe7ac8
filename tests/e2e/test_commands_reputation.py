"""`wasmarket provider reputation`, `peer reputation`, `provider list` on a running market."""

import sqlite3
from contextlib import closing

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def marked(market):
    """Beta runs three units: one is dropped, one is left, one goes on and is proven.

    What others asked of beta before is in `before`: the market is theirs, too.
    """
    before = market.run("provider", "reputation", market.address("beta"), "--json").json
    deals = [market.deploy(only="beta", units=1) for _ in range(3)]
    [left], [dropped], _ = (
        [row["id"] for row in market.client().deal(deal)["assignments"]] for deal in deals
    )
    peer = int(market.client().matcher.get(f"/v1/assignments/{left}")["peer"])
    market.next_epoch()
    assert market.run("peer", "leave", peer, left, "--key", "beta", "--yes").code == 0
    assert market.run("drop", dropped, "--why", "too-slow").code == 0
    for _ in range(3):
        market.next_epoch()
    yield {
        "peer": peer,
        "address": market.address("beta"),
        "left": left,
        "dropped": dropped,
        "before": before["windows"][1]["counts"],
    }
    for deal in deals:
        market.run("stop", deal, "--yes")


def test_provider_reputation__verified__is_what_the_chains_logs_give(market, marked):
    ran = market.run("provider", "reputation", marked["address"], "--verify", "--json")

    assert ran.code == 0, ran.out + ran.err
    assert (ran.json["verified"], ran.json["differences"]) == (True, [])
    month = ran.json["windows"][1]
    assert month["counts"]["left"] - marked["before"]["left"] == 1
    assert month["counts"]["dropped"] - marked["before"]["dropped"] == 1
    assert month["proven"] > 0
    told = {(entry["kind"], entry["text"]) for entry in month["reasons"]}
    assert {("left", "maintenance"), ("dropped", "too slow")} <= told


def test_provider_reputation__for_people__shows_figures_strip_and_events(market, marked):
    ran = market.run("provider", "reputation", "--key", "beta", "--events", "dropped", "--verify")

    assert ran.code == 0, ran.out + ran.err
    assert "left in mid-run" in ran.out
    assert "# proven" in ran.out
    assert "verified: the chain's logs up to block" in ran.out
    [named] = [line for line in ran.out.splitlines() if "0x" in line and "too slow" in line]
    assert str(marked["dropped"]) in named


def test_peer_reputation__same_figures_of_one_peer(market, marked):
    ran = market.run("peer", "reputation", marked["peer"], "--verify", "--json")

    assert ran.code == 0, ran.out + ran.err
    assert (ran.json["peer"], ran.json["verified"]) == (marked["peer"], True)


def test_provider_reputation__index_lies__names_what_and_fails(market, marked):
    market.wait_indexed()
    lie = "UPDATE reputation_event SET kind = ? WHERE kind = ? AND assignment = ?"
    with closing(sqlite3.connect(market.wiring.home.store, timeout=30)) as store:
        store.execute(lie, ("finished", "left", marked["left"]))
        store.commit()
        try:
            ran = market.run("provider", "reputation", marked["address"], "--verify")
        finally:
            store.execute(lie, ("left", "finished", marked["left"]))
            store.commit()

    assert ran.code == 1
    assert "matcher says" in ran.out
    assert "left" in ran.out
    assert "--reindex" in ran.err
    assert market.run("provider", "reputation", marked["address"], "--verify").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("provider", "reputation", "0x" + "99" * 20), 1, "has no peer"),
        (("peer", "reputation", 999), 1, "there is no peer 999"),
        (("provider", "reputation", "me"), 2, "is not an address"),
        (("peer", "reputation", 1, "--events", "stars"), 2, "stars"),
    ],
)
def test_reputation__asked_wrongly__says_what_is_wrong(market, arguments, code, words):
    ran = market.run(*arguments)

    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


def test_provider_list__sorted__has_all_providers_the_best_first(market, marked):
    ran = market.run("provider", "list", "--sort", "left", "--worst", "--json")
    people = market.run("provider", "list", "--peers")

    assert ran.code == people.code == 0, ran.err + people.err
    assert ran.json[0]["provider"] == marked["address"]
    assert {row["left"] for row in ran.json[1:]} == {0}
    assert "%" in people.out


def test_reputations__from_python__have_the_same_figures(market, marked):
    wasmarket = pytest.importorskip("wasmarket")
    settings = market.wiring
    with wasmarket.connect(
        home=market.home.root,
        rpc=settings.chain.rpc,
        matcher=market.client().matcher.url,
        environ={},
    ) as door:
        found = door.reputations.of_provider(marked["address"])
        assert found.windows[30].counts["left"] == marked["before"]["left"] + 1
        assert found.windows[30].reasons["dropped", 65] >= 1
        assert door.reputations.verify(marked["address"]) == []
        left = [event["assignment"] for event in door.reputations.events(marked["peer"], "left")]
        assert marked["left"] in left
        assert [row["provider"] for row in door.reputations.providers()]

"""A provider is paid without asking, and goes when it wants."""

import os

import pytest

from tests.e2e.market_driver import wait_until
from tests.measuring import measured
from wasmarket_cli.local.processes import Process

pytestmark = pytest.mark.e2e


@pytest.fixture
def payouts(market):
    """A process that claims for beta in every epoch."""
    arguments = ["provider", "run", "--claim-every", "1", "--key", "beta"]
    with market.environment():
        process = Process("payouts", arguments, market.home, os.environ | measured())
        process.start()
    process.wait_ready(180)
    yield process
    process.stop()


def held(market, name):
    """Return the USDC in a wallet."""
    return market.wiring.usdc.balance(market.address(name))


def peer_of(market, assignment):
    return int(market.client().matcher.get(f"/v1/assignments/{assignment}")["peer"])


def test_provider_run__without_a_policy__pays_the_wallet_each_epoch(market, payouts):
    deal = market.deploy(only="beta", units=2)
    before = held(market, "beta")

    for _ in range(3):
        market.next_epoch()

    wait_until("the wallet is paid", lambda: held(market, "beta") >= before + 2 * 15_000)
    wait_until("it says so", lambda: "paid" in payouts.log.read_text())
    market.run("stop", deal, "--yes")


def test_provider_run__nothing_to_do__is_a_usage_error(market):
    ran = market.run("provider", "run", "--claim-every", 0, "--key", "beta")

    assert (ran.code, ran.out) == (2, "")
    assert "nothing to do" in ran.err


def test_peer_leave__one_assignment__ends_it_and_pays_what_came_before(market):
    deal = market.deploy(only="beta", units=1)
    market.next_epoch()
    market.next_epoch()
    [mine] = [row["id"] for row in market.client().deal(deal)["assignments"]]
    peer = peer_of(market, mine)

    ran = market.run("peer", "leave", peer, mine, "--key", "beta", "--json")

    assert ran.code == 0, ran.err
    assert (ran.json["ended"], ran.json["skipped"]) == ([mine], {})
    [view] = market.wiring.lens.assignments([mine])
    assert not view.alive
    assert view.end_of == ran.json["last_epoch"]
    again = market.run("peer", "leave", peer, mine, "--key", "beta", "--yes")
    assert again.code == 2
    assert f"does not hold {mine}" in again.err
    market.next_epoch()
    market.next_epoch()
    assert market.wiring.proofs.is_proven(peer, view.end_of)
    assert int(market.run("claim", mine, "--key", "beta", "--json").json["paid"]) > 0
    market.run("stop", deal, "--yes")


def test_peer_leave__for_people__asks_first_and_says_what_it_left(market):
    deal = market.deploy(only="beta", units=1)
    [mine] = [row["id"] for row in market.client().deal(deal)["assignments"]]
    peer = peer_of(market, mine)

    refused = market.run("peer", "leave", peer, mine, "--key", "beta", stdin=b"n\n")
    held = market.wiring.lens.assignments([mine])[0].alive
    ran = market.run("peer", "leave", peer, mine, "--key", "beta", "--yes")

    assert refused.code == 1
    assert "Leave 1 assignment? The epoch begun is not paid" in refused.out + refused.err
    assert held
    assert ran.code == 0, ran.err
    assert f"peer {peer} left 1 assignment\n" in ran.out
    market.run("stop", deal, "--yes")


def test_peer_leave__of_somebody_else__is_refused(market):
    ran = market.run("peer", "leave", 1, "--key", "beta", "--yes")

    assert ran.code == 2
    assert "belongs to" in ran.err

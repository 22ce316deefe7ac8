"""Offers made by a policy file: signed, posted, replaced and withdrawn without a restart."""

import json
import os
from datetime import UTC, datetime

import pytest

from tests.e2e.market_driver import wait_until
from tests.measuring import measured
from wasmarket.kernel.events import OfferCancelled
from wasmarket_cli.local.processes import Process

pytestmark = pytest.mark.e2e


@pytest.fixture
def seller(market):
    """A provider with a peer that nobody runs: its account's name and the peer's number."""
    name = market.new_account("seller")
    ran = market.run(
        *("peer", "register", f"{name}-peer", "--units", 2, "--memory", 512, "--region", "JP"),
        *("--traits", "nvme", "--endpoint", "http://127.0.0.1:1", "--key", name, "--json"),
    )
    assert ran.code == 0, ran.err
    return name, ran.json["peer"]


@pytest.fixture
def selling(market, seller, tmp_path):
    """A function that writes the policy; the provider's process runs by it."""
    file = tmp_path / "policy.toml"
    processes = []

    def write(text):
        beside = tmp_path / "policy.new"
        beside.write_text(text)
        os.replace(beside, file)
        if not processes:
            process = Process(
                f"{seller[0]}-run",
                ["provider", "run", "--policy", str(file), "--key", seller[0]],
                market.home,
                os.environ | measured(),
            )
            process.start()
            process.wait_ready(180)
            processes.append(process)
        return processes[0]

    yield write
    for process in processes:
        process.stop()


def asked(market, peer):
    """Return the prices of a peer's live offers in the matcher's book, by offer."""
    rows = market.client().matcher.items("/v1/provider-offers", {"peer": peer})
    return {row["hash"]: int(row["offer"]["price"]) for row in rows if row["status"] == "posted"}


def wait_for_prices(market, peer, *prices):
    def found():
        offers = asked(market, peer)
        return offers if sorted(offers.values()) == sorted(prices) else None

    if not prices:
        wait_until("no offer stands", lambda: not asked(market, peer))
        return {}
    return wait_until(f"the book has {prices}", found)


def test_policy__edited__changes_the_price_in_the_book_without_a_restart(market, seller, selling):
    _, peer = seller
    selling('[offers]\nprice = "0.010"\n[offers.traits]\nnvme = "0.002"')
    wait_for_prices(market, peer, 12_000)

    selling('[offers]\nprice = "0.030"')
    wait_for_prices(market, peer, 30_000)
    selling('[offers]\nprice = "0.030"\n[offers.developers]\n' + f'"{"0x" + "11" * 20}" = "0.02"')

    wait_for_prices(market, peer, 30_000, 20_000)


def test_policy__that_became_wrong__leaves_the_offers_as_they_were(market, seller, selling):
    _, peer = seller
    process = selling('[offers]\nprice = "0.010"')
    before = wait_for_prices(market, peer, 10_000)

    selling("[offers]\nprice = 0.5")

    wait_until("the log says why", lambda: "not a price" in process.log.read_text())
    assert asked(market, peer) == before


def test_policy__outside_its_hours__nothing_is_offered(market, seller, selling):
    _, peer = seller
    hour = datetime.fromtimestamp(market.wiring.clock.refresh(), UTC).hour
    # Two hours ahead, and for one hour: the chain's clock does not get there in this test.
    closed = f'from = "{(hour + 2) % 24:02d}:00"\nto = "{(hour + 3) % 24:02d}:00"'
    open_now = f'from = "{hour:02d}:00"\nto = "{(hour + 2) % 24:02d}:00"'
    selling(f'[offers]\nprice = "0.010"\n[[offers.schedule]]\n{open_now}\nprice = "0.017"')
    [offer] = wait_for_prices(market, peer, 17_000)

    row = market.client().matcher.get(f"/v1/provider-offers/{offer}")
    end = datetime.fromtimestamp(int(row["offer"]["valid_until"]) + 1, UTC)
    assert (end.hour, end.minute, end.second) == ((hour + 2) % 24, 0, 0)
    selling(f'[offers]\nprice = "0.010"\n[[offers.schedule]]\n{closed}')

    wait_for_prices(market, peer)


def test_withdraw_chain__a_replaced_offer_can_never_be_filled(market, seller, selling):
    _, peer = seller
    selling('[offers]\nprice = "0.010"\nwithdraw = "chain"')
    [old] = wait_for_prices(market, peer, 10_000)

    selling('[offers]\nprice = "0.020"\nwithdraw = "chain"')

    wait_for_prices(market, peer, 20_000)
    wait_until(
        "the old one is cancelled on chain",
        lambda: old in {event.hash for event in market.events(OfferCancelled)},
    )


def test_restart__goes_on_with_the_same_offers(market, seller, selling):
    _, peer = seller
    process = selling('[offers]\nprice = "0.010"')
    before = wait_for_prices(market, peer, 10_000)

    process.kill()
    process.start()
    process.wait_ready(180)
    selling('[offers]\nprice = "0.010"\n# only a remark')
    wait_until("the file was read", lambda: "policy read" in process.log.read_text())

    assert asked(market, peer) == before


def test_cancelled_by_hand__counter_bumped__the_policy_asks_anew(market, seller, selling):
    name, peer = seller
    selling('[offers]\nprice = "0.010"')
    before = wait_for_prices(market, peer, 10_000)

    assert market.run("offer", "cancel-all", "--key", name, "-y").code == 0

    wait_until(
        "another offer stands",
        lambda: (now := asked(market, peer)) and not set(now) & set(before),
    )


def test_policy_show__and_check__say_what_would_be_offered(market, seller, tmp_path):
    name, peer = seller
    file = tmp_path / "policy.toml"
    file.write_text(
        'effectors = ["kv"]\n[offers]\nprice = "0.01"\n[offers.traits]\nnvme = "0.002"\n'
        '[[offers.schedule]]\ndays = ["sat"]\nprice = "0.5"'
    )
    words = ("--peer", peer, "--key", name)

    checked = market.run("provider", "policy", "check", file, *words)
    shown = market.run(
        "provider", "policy", "show", file, *words, "--at", "2026-11-21T10:00", "--json"
    )
    closed = market.run("provider", "policy", "show", file, *words, "--at", "2026-11-20T10:00")

    assert checked.code == 0
    assert f"peer {peer} does not announce kv" in checked.err
    [row] = shown.json["offers"]
    assert (row["peer"], row["developer"], row["price"]) == (peer, None, "502000")
    assert closed.code == 0
    assert json.loads(shown.out)["next_change"] is not None
    file.write_text("max_unit = 1")
    wrong = market.run("provider", "policy", "check", file)
    assert wrong.code == 2
    assert "max_unit" in wrong.err


def test_peer_run__with_the_providers_key__makes_its_own_offers(market, seller, tmp_path):
    name, peer = seller
    file = tmp_path / "policy.toml"
    file.write_text('[offers]\nprice = "0.010"')
    process = Process(
        f"{name}-peer",
        ["peer", "run", f"{name}-peer", "--port", "0", "--policy", str(file), "--offer-key", name],
        market.home,
        os.environ | measured(),
    )
    process.start()
    try:
        process.wait_ready(180)
        [offer] = wait_for_prices(market, peer, 10_000)

        told = market.run("peer", "status", "--url", process.url, "--json").json["extra"]
        assert [(row["offer"], row["price"]) for row in told["offers"]] == [(offer, "10000")]
        file.write_text('[offers]\nprice = "0.5"\nprize = "x"')
        wait_until(
            "the status says what is wrong",
            lambda: "prize" in market.run("peer", "status", "--url", process.url).out,
        )
    finally:
        process.stop()

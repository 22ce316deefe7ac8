"""The provider's commands, each against the running market."""

import json

import pytest

from tests.e2e.answering_peer import AnsweringPeer
from tests.e2e.market_driver import wait_until
from wasmarket.kernel.units import FLT

pytestmark = pytest.mark.e2e


@pytest.fixture
def stand_in(market, provider):
    """Answers at an endpoint with the key of the provider's peer."""
    market.run("peer", "init", f"{provider}-peer")
    peer = AnsweringPeer(market, f"{provider}-peer")
    yield peer
    peer.close()


def register(market, provider, *, units=2, region="JP", endpoint="http://127.0.0.1:1"):
    """Register a peer that nobody runs; return its number."""
    ran = market.run(
        *("peer", "register", f"{provider}-peer", "--units", units, "--memory", 512),
        *("--region", region, "--endpoint", endpoint, "--key", provider, "--json"),
    )
    assert ran.code == 0, ran.err
    return ran.json["peer"]


def listed(market, number):
    """Return the peer's row in the market's list, once the indexer has seen it: one or none."""
    return [row for row in market.client().matcher.items("/v1/peers") if row["id"] == number]


def test_peer_init__makes_keys_once(market):
    first = market.run("peer", "init", "fresh", "--json").json
    again = market.run("peer", "init", "fresh", "--json").json

    assert first == again
    assert len(first["key"]) == 66
    assert first["wallet"].startswith("0x")
    assert "fresh" in [row["name"] for row in market.run("peer", "list", "--json").json]
    assert first["key"] in market.run("peer", "list").out


def test_peer_register__stakes_the_bond_and_is_listed(market, provider):
    number = register(market, provider, units=3)

    [row] = wait_until("the store sees it", lambda: listed(market, number))
    assert (row["units"], row["memory_mib"], row["provider"]) == (3, 512, market.address(provider))
    held = market.balance(provider)
    assert (int(held["stake_locked"]), int(held["stake_free"])) == (300 * FLT, 0)
    assert int(held["flt"]) == 100_000 * FLT - 300 * FLT


def test_peer_register__twice__is_refused_before_a_second_bond_is_locked(market, provider):
    number = register(market, provider)

    again = market.run(
        *("peer", "register", f"{provider}-peer", "--units", 1, "--memory", 1),
        *("--region", "JP", "--endpoint", "http://127.0.0.1:1", "--key", provider),
    )

    assert again.code == 3
    assert f"is that of peer {number} already" in again.err
    assert market.balance(provider)["stake_locked"] == str(200 * FLT)


def test_peer_register__more_than_the_flt_bonds__is_refused_before_anything_is_sent(
    market, provider
):
    ran = market.run(
        *("peer", "register", "greedy", "--units", 1_001, "--memory", 1),
        *("--region", "JP", "--endpoint", "http://127.0.0.1:1", "--key", provider),
    )

    assert ran.code == 3
    assert "the bond needs 100100" in ran.err
    assert market.balance(provider)["stake_free"] == "0"


@pytest.mark.parametrize("region", ["XX", "EU", "germany"])
def test_peer_register__no_such_region__is_a_usage_error(market, region):
    ran = market.run(
        *("peer", "register", "x", "--units", 1, "--memory", 1),
        *("--region", region, "--endpoint", "http://x"),
    )

    assert ran.code == 2


def test_peer_set_units__up_and_down__moves_the_bond(market, provider):
    number = register(market, provider)

    assert market.run("peer", "set-units", number, 5, "--key", provider).code == 0
    assert market.balance(provider)["stake_locked"] == str(500 * FLT)
    assert market.run("peer", "set-units", number, 1, "--key", provider).code == 0
    held = market.balance(provider)
    assert held["stake_locked"] == str(100 * FLT)
    assert (held["stake_free"], held["stake_leaving"]) == ("0", str(400 * FLT))
    assert market.run("peer", "set-units", number, 1, "--key", "alpha").code == 3


def test_peer_set_endpoint__is_what_the_market_says(market, provider):
    number = register(market, provider)

    market.run("peer", "set-endpoint", number, "http://127.0.0.1:2", "--key", provider)

    wait_until(
        "the store sees it",
        lambda: [row["endpoint"] for row in listed(market, number)] == ["http://127.0.0.1:2"],
    )


@pytest.mark.parametrize("endpoint", ["foo", "ftp://x", "http://a@b", "http://x?y=1"])
def test_peer_set_endpoint__no_endpoint__is_refused_before_anything_is_paid(
    market, provider, endpoint
):
    number = register(market, provider)
    sent = market.wiring.rpc.fetch_nonce(market.address(provider))

    ran = market.run("peer", "set-endpoint", number, endpoint, "--key", provider)

    assert (ran.code, "is not a peer's endpoint" in ran.err) == (2, True)
    assert market.wiring.rpc.fetch_nonce(market.address(provider)) == sent


def test_peer_set_endpoint__another_peer_answers_there__is_refused_and_names_it(market, provider):
    number = register(market, provider)
    sent = market.wiring.rpc.fetch_nonce(market.address(provider))
    [taken] = [
        row["endpoint"] for row in market.client().matcher.items("/v1/peers") if row["id"] == 1
    ]

    ran = market.run("peer", "set-endpoint", number, taken, "--key", provider)

    assert (ran.code, "is peer 1" in ran.err) == (3, True)
    assert market.wiring.rpc.fetch_nonce(market.address(provider)) == sent


def test_peer_set_endpoint__nobody_answers_there__is_done_with_a_warning(market, provider):
    number = register(market, provider)

    ran = market.run("peer", "set-endpoint", number, "http://127.0.0.1:3", "--key", provider)

    assert (ran.code, "does not answer at http://127.0.0.1:3" in ran.err) == (0, True)


def test_peer_set_wallet__the_old_one_can_do_nothing_more(market, provider):
    number = register(market, provider)
    wallet = market.address("beta")

    assert market.run("peer", "set-wallet", number, wallet, "--key", "alpha").code == 3
    ran = market.run("peer", "set-wallet", number, wallet, "--key", provider, "--json")

    assert (ran.code, ran.json) == (0, {"peer": number, "wallet": wallet}), ran.err
    assert market.wiring.lens.peers([number])[0].wallet == wallet


def test_peer_register__nobody_answers_there__warns_and_passes_its_offers_over(market, provider):
    ran = market.run(
        *("peer", "register", f"{provider}-peer", "--units", 2, "--memory", 512),
        *("--region", "NO", "--endpoint", "http://127.0.0.1:1", "--key", provider),
    )
    number = int(ran.out.split("is peer ")[1].split()[0])

    made = market.run("offer", "make", number, "0.05", "--key", provider, "--json").json

    def told():
        row = market.client().matcher.get(f"/v1/provider-offers/{made['hash']}")
        return [
            reason
            for reason in row["reasons"]
            if "cannot be reached" in reason or "no answer" in reason
        ]

    assert (ran.code, "does not answer at http://127.0.0.1:1" in ran.err) == (0, True)
    [reason] = wait_until("the provider is told", told)
    assert f"peer {number}'s endpoint" in reason
    assert market.run("quote", "--regions", "NO", "--json").json == []


@pytest.mark.parametrize("endpoint", ["foo", "ftp://x", "http://a@b", "http://x?y=1"])
def test_peer_register__no_endpoint__is_refused_before_anything_is_paid(market, provider, endpoint):
    ran = market.run(
        *("peer", "register", f"{provider}-peer", "--units", 2, "--memory", 512),
        *("--region", "NO", "--endpoint", endpoint, "--key", provider),
    )

    assert (ran.code, "is not a peer's endpoint" in ran.err) == (2, True)
    assert market.balance(provider)["stake_locked"] == "0"


def test_peer_register__endpoint_of_another_peer__is_refused(market, provider):
    [taken] = [
        row["endpoint"] for row in market.client().matcher.items("/v1/peers") if row["id"] == 1
    ]

    ran = market.run(
        *("peer", "register", f"{provider}-peer", "--units", 2, "--memory", 512),
        *("--region", "NO", "--endpoint", taken, "--key", provider),
    )

    assert (ran.code, "another peer answers" in ran.err) == (3, True)
    assert market.balance(provider)["stake_locked"] == "0"


def test_offer__make_list_cancel__is_posted_then_withdrawn(market, provider, stand_in):
    stand_in.number = number = register(market, provider, endpoint=stand_in.url)

    made = market.run("offer", "make", number, "0.05", "--key", provider, "--json").json
    listed = market.run("offer", "list", "--key", provider, "--json").json

    assert made["status"] == "posted"
    assert [(row["hash"], row["status"]) for row in listed] == [(made["hash"], "posted")]
    assert made["offer"]["price"] == "50000"
    assert wait_until(
        "the book has it", lambda: market.run("quote", "--regions", "JP", "--json").json
    ) == [{"units": 1, "total": "50000", "price_max": "50000"}]

    assert market.run("offer", "cancel", made["hash"], "--key", provider).code == 0
    wait_until(
        "it is cancelled",
        lambda: (
            market.run("offer", "list", "--key", provider, "--json").json[0]["status"]
            == "cancelled"
        ),
    )
    # A quote may be of the order book of half a second ago.
    wait_until("it is gone", lambda: market.run("quote", "--regions", "JP", "--json").json == [])


def test_offer__cancel_all__withdraws_every_one(market, provider):
    number = register(market, provider, region="BR")
    for price in ("0.05", "0.06"):
        market.run("offer", "make", number, price, "--key", provider)

    shown = market.run("offer", "list", "--key", provider).out
    asked = market.run("offer", "cancel-all", "--key", provider, stdin=b"n\n")
    assert (shown.count("posted"), "0.050000" in shown, "0.060000" in shown) == (2, True, True)
    assert asked.code == 1
    assert "Withdraw all your offers?" in asked.out + asked.err
    assert market.run("offer", "list", "--key", provider).out == shown
    assert market.run("offer", "cancel-all", "--key", provider, "--yes").code == 0

    wait_until(
        "both are cancelled",
        lambda: (
            [row["status"] for row in market.run("offer", "list", "--key", provider, "--json").json]
            == ["cancelled", "cancelled"]
        ),
    )
    fresh = market.run("offer", "make", number, "0.07", "--key", provider, "--json").json
    assert fresh["status"] == "posted"
    market.run("offer", "cancel-all", "--key", provider, "--yes")


def test_offer__post__takes_what_make_wrote(market, provider, tmp_path):
    number = register(market, provider, region="IN")
    made = market.run(
        "offer", "make", number, "0.05", "--valid", 600, "--key", provider, "--json"
    ).json
    body = json.dumps({"offer": made["offer"], "signature": made["signature"]})
    (tmp_path / "offer.json").write_text(body)

    from_file = market.run("offer", "post", tmp_path / "offer.json")
    from_pipe = market.run("offer", "post", "-", stdin=body.encode())

    assert from_file.out == from_pipe.out == f"{made['hash']}: posted\n"


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"offer": {}}', b'{"offer": 5}', b"\xff"])
def test_offer__post_nonsense__is_a_usage_error(market, tmp_path, text):
    (tmp_path / "offer.json").write_bytes(text)

    ran = market.run("offer", "post", tmp_path / "offer.json")

    assert (ran.code, ran.out) == (2, "")
    assert "offer" in ran.err
    assert "bug" not in ran.err


def test_offer__on_chain__cannot_be_hidden(market, provider):
    number = register(market, provider, region="ZA")

    made = market.run(
        "offer", "make", number, "0.05", "--on-chain", "--key", provider, "--json"
    ).json

    [word] = market.wiring.market.offers([(market.address(provider), made["hash"])])
    assert word.approved


def test_provider__stake_and_unstake__move_flt(market, provider):
    assert market.run("provider", "stake", "250.5", "--key", provider).code == 0
    assert market.run("provider", "unstake", "50 FLT", "--key", provider).code == 0

    status = market.run("provider", "status", "--key", provider, "--json").json
    assert (status["stake_free"], status["stake_leaving"]) == (
        str(2005 * FLT // 10),
        str(50 * FLT),
    )
    early = market.run("provider", "withdraw-stake", "--key", provider)
    assert early.code == 3
    assert "staking: " in early.err
    assert market.run("provider", "status", "--key", provider).code == 0
    assert market.run("provider", "unstake", "1000", "--key", provider).code == 3


def test_provider__opportunities__show_what_was_missed(market, provider, stand_in):
    stand_in.number = number = register(market, provider, region="DE", endpoint=stand_in.url)
    market.run("offer", "make", number, "0.019", "--key", provider)
    wait_until(
        "the offer is in the book",
        lambda: any(
            level["price"] == "19000"
            for row in market.client().matcher.get("/v1/book/depth")["items"]
            for level in row["levels"]
        ),
    )
    market.client().offer(market.requirement(max_price=9_000), "0x" + "77" * 32)

    def won_at():
        ran = market.run("provider", "opportunities", "--key", provider, "--json")
        assert ran.code == 0, ran.err
        return ran.json if "9000" in [row["price_to_win"] for row in ran.json["items"]] else None

    found = wait_until("a turn was over", won_at)
    assert [row["used"] for row in found["regions"]] == [0]
    table = market.run("provider", "opportunities", "--epochs", 1, "--key", provider)
    assert table.code == 0
    assert "0.009000" in table.out
    market.run("offer", "cancel-all", "--key", provider, "--yes")


def test_claim__proven_epochs__pays_what_status_promised(market):
    # Not in the last second of an epoch, which would end before anybody can prove it.
    market.next_epoch()
    deal = market.deploy(only="beta", units=2)
    market.run("claim", "--key", "beta", "--withdraw")
    for _ in range(3):
        market.next_epoch()
    status = market.run("provider", "status", "--key", "beta", "--json").json
    due = {row["assignment"]: int(row["paid"]) for row in status["assignments"]}
    [peer] = status["peers"]
    assert (peer["committed"], peer["used"] >= 2) == (True, True)
    before = market.balance("beta")
    [mine] = [row["id"] for row in market.client().deal(deal)["assignments"]]

    one = market.run("claim", mine, "--key", "beta", "--json").json
    free = market.balance("beta")["free"]
    rest = market.run("claim", "--key", "beta", "--withdraw", "--json").json

    assert 2 * 15_000 < due[mine] <= 2 * 2 * 15_000
    assert (one["claimed"], one["paid"], one["refunded"]) == ([mine], str(due[mine]), "0")
    after = market.balance("beta")
    assert int(free) == int(before["free"]) + due[mine]
    assert after["free"] == free
    assert int(after["usdc"]) == int(before["usdc"]) + int(rest["paid"])
    nothing = market.run("claim", mine, "--key", "beta")
    assert nothing.code == 3
    assert "no final epoch to claim yet" in nothing.err

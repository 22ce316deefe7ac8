"""Commands that set one up: wallets, local chain, configuration, modules."""

import json

import pytest

from wasmarket.client.settings import TABLES
from wasmarket.kernel.units import USDC

pytestmark = pytest.mark.e2e


def test_wallet__new_list_balance(market):
    made = market.run("wallet", "new", "somebody", "--no-password", "--json").json

    listed = {row["name"]: row["address"] for row in market.run("wallet", "list", "--json").json}
    assert listed["somebody"] == made["address"]
    assert market.balance("somebody")["usdc"] == "0"
    again = market.run("wallet", "new", "somebody", "--no-password")
    assert again.code != 0
    assert market.address("somebody") == made["address"]


def test_wallet__import__is_the_account_of_the_key(market):
    key = "0x" + "07" * 32

    made = market.run(
        *("wallet", "new", "imported", "--import", "--no-password", "--json"),
        stdin=f"{key}\n".encode(),
    )

    assert made.code == 0, made.err
    assert market.wiring.account("imported").key == bytes.fromhex("07" * 32)
    assert key not in made.out + made.err


def test_wallet__another_address__needs_no_key(market):
    ran = market.run("wallet", "balance", "--address", market.address("beta"), "--json")

    assert ran.json["address"] == market.address("beta")


def test_local__faucet__gives_once_in_a_while(market, provider):
    address = market.address(provider)
    before = market.wiring.usdc.balance(address)

    again = market.run("local", "faucet", "--key", provider)

    assert again.code == 3
    assert market.wiring.usdc.balance(address) == before == 10_000 * USDC


def test_local__epoch__waits_for_the_proofs(market, deal):
    before = market.wiring.deployment.epoch_of(market.wiring.clock.refresh())

    ran = market.run("local", "epoch", 2, "--json")

    assert ran.json == {"epoch": before + 2}
    for row in market.client().deal(deal)["assignments"]:
        assert market.wiring.proofs.is_proven(row["peer"], before + 1)


def test_config_show__names_every_table(market):
    shown = market.run("config", "show", "--json").json

    assert shown["home"] == str(market.home.root)
    assert set(shown) == {"home", *TABLES}
    assert "gateway" in market.run("config", "show").out


def test_module_inspect__example__shows_its_functions(market):
    ran = market.run("module", "inspect", "examples/greeting/greeting.wasm", "--json")

    assert ran.json["cid"].startswith("bafkrei")
    assert "greeting" in json.dumps(ran.json)
    assert "name: string" in market.run("module", "inspect", "examples/greeting/greeting.wasm").out

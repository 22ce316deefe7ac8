"""What people get wrong: another's key, another's peer, a name that is not there."""

import os
import signal
import subprocess

import pytest

from tests.e2e.market_driver import COMMAND, own_settings, wait_until
from tests.e2e.test_story import find_processes
from tests.measuring import measured
from wasmarket.kernel.units import USDC

pytestmark = pytest.mark.e2e

NOWHERE = "0x" + "5e" * 32


def is_cancelled(market, kind, offer):
    return market.client().matcher.get(f"/v1/{kind}-offers/{offer}")["status"] == "cancelled"


def test_offer_cancel__with_anothers_key__is_refused_and_the_offer_stands(market):
    made = market.run("offer", "make", 1, "0.9", "--key", "alpha", "--json").json

    ran = market.run("offer", "cancel", made["hash"], "--key", "beta")

    assert (ran.code, ran.out) == (2, "")
    assert f"the offer is of {market.address('alpha')}" in ran.err
    assert "--key" in ran.err
    assert market.run("offer", "cancel", made["hash"], "--key", "alpha").code == 0


def test_offer_cancel__developer_offer__here_or_for_good(market):
    for arguments in (("--off-chain",), ()):
        bid = market.client().offer(market.requirement(max_price=2_000), "0x" + "78" * 32)

        ran = market.run("offer", "cancel", bid.hash, *arguments, "--json")

        assert (ran.code, ran.json["hash"]) == (0, bid.hash), ran.err
        wait_until("it is gone", lambda b=bid: is_cancelled(market, "developer", b.hash))


def test_offer_cancel__unknown_and_off_chain__says_so(market):
    ran = market.run("offer", "cancel", NOWHERE, "--off-chain")

    assert ran.code == 1
    assert "knows no offer" in ran.err


@pytest.mark.parametrize("price", ["0", "999999999"])
def test_offer_make__price_beyond_the_limits__is_told_in_usdc(market, price):
    ran = market.run("offer", "make", 1, price, "--key", "alpha")

    assert ran.code == 2
    assert "not within 0.000001 to 281474976.710655 USDC" in ran.err


def test_top_up__more_than_there_is__says_where_to_get_it(market, deal):
    ran = market.run("top-up", deal, 1_000_000)

    assert ran.code == 3
    assert "hint: see `wasmarket wallet balance`" in ran.err


def test_peer_status__by_name__is_that_of_the_peer_named(market):
    for name, number in market.market.peer_ids.items():
        assert market.run("peer", "status", name, "--json").json["extra"]["peer"] == number


def test_peer__name_that_is_not_there__makes_none(market):
    for arguments in (("run", "typo"), ("status", "typo")):
        ran = market.run("peer", *arguments)

        assert (ran.code, ran.out) == (1, "")
        assert "there is no peer 'typo'" in ran.err
        assert "alpha-1, alpha-2, beta-1" in ran.err
    assert "typo" not in [row["name"] for row in market.run("peer", "list", "--json").json]
    assert not market.home.peer("typo").exists()


def test_peer_run__that_runs_already__is_refused_and_the_first_is_still_found(market):
    assert market.run("peer", "run", "alpha-1", "--port", 0).code == 3
    assert market.run("peer", "status", "alpha-1").code == 0


def test_peer_status__peer_that_does_not_run__says_so(market):
    market.run("peer", "init", "asleep")

    ran = market.run("peer", "status", "asleep")

    assert ran.code == 4
    assert "does not run on this machine" in ran.err


def test_local_faucet__account_without_coins__gets_tokens_and_gas(market):
    poor, poorer = (market.new_account(kind, funded=False) for kind in ("poor", "poorer"))

    ran = market.run("local", "faucet", "--key", poor, "--json")

    assert ran.code == 0, ran.err
    assert ran.json["usdc"] == str(10_000 * USDC)
    assert int(ran.json["gas_wei"]) > 10**18
    address = market.address(poorer)
    ran = market.run("local", "faucet", "--to", address, "--key", poor)
    assert address in ran.out
    assert market.wiring.rpc.fetch_balance(address) > 10**18
    assert market.wiring.usdc.balance(market.address(poor)) == 10_000 * USDC


def test_call__function_that_is_not_there__names_those_that_are(market, deal):
    ran = market.run("call", deal, "greeting.nope")

    assert (ran.code, ran.out) == (1, "")
    assert "no function nope" in ran.err
    assert "hint: its functions: greeting.greeting, greeting.add" in ran.err
    for arguments in (("call", 9_999, "greeting.greeting"), ("status", 9_999), ("runway", 9_999)):
        assert "hint: `wasmarket status` lists your deals" in market.run(*arguments).err


@pytest.fixture
def environ():
    own = {name: value for name, value in os.environ.items() if name not in own_settings()}
    return own | measured()


def interrupt(command, environ, words):
    """Start a command, press Ctrl-C once it has said `words`; return its code and what it said."""
    # A shell that runs tests in the background may have them ignore it.
    with subprocess.Popen(
        ["env", "--default-signal=INT", *command],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = ""
        for line in process.stdout:
            said += line
            if words in line and said.count(words) == 1:
                process.send_signal(signal.SIGINT)
        return process.wait(180), said


@pytest.mark.parametrize("step", ["contracts", "services"])
def test_local_up__ctrl_c_while_it_starts__ends_what_there_is(environ, tmp_path, step):
    up = [COMMAND, "--home", tmp_path / "home", "local", "up", "--free-ports", "--peers", "1"]

    code, said = interrupt(up, environ, f"starting: {step}")

    assert (code, "Traceback" in said) == (1, False), said
    assert "interrupted" in said
    assert find_processes(tmp_path) == []


def test_deploy__ctrl_c_while_it_waits__says_that_the_offer_stays(market, environ):
    command = [
        COMMAND,
        "--home",
        market.home.root,
        "deploy",
        market.greeting,
        "--new",
        "--units",
        "900",
    ]
    with market.environment():
        environ = os.environ | measured()

    code, said = interrupt([*command, "--max-price", "0.5", "--yes"], environ, "unmatched")

    assert (code, "Traceback" in said) == (1, False), said
    assert "the offer stays posted" in said
    [offer] = [word.strip("`") for word in said.split() if word.startswith("0x")][-1:]
    assert market.run("offer", "cancel", offer, "--off-chain").code == 0

"""Who may call a deal, by command."""

import pytest

pytestmark = pytest.mark.e2e

CALL = ("greeting.greeting", "Ada")
SCRIPTER = "12D3KooWANqfCDrV79MZdMnMqTvDdqSAPSxdgFY1L6DCq2DVGB4D"


@pytest.fixture
def own(market):
    """A deal of its own, stopped afterwards."""
    deal = market.deploy(units=2, max_units_per_provider=1, min_regions=2)
    yield deal
    market.run("stop", deal, "--yes")


def call(market, deal, *how):
    return market.run("call", deal, *CALL, *how)


def test_access__new_key__lets_in_who_has_it_and_nobody_else(market, own):
    assert market.run("access", own, "--json").json["mode"] == "public"

    first = market.run("access", own, "--new-key", "--json").json["new_key"]

    assert call(market, own, "--api-key", first).out == "Hi, Ada\n"
    assert call(market, own).code == 3
    assert call(market, own, "--api-key", first + "x").code == 3
    second = market.run("access", own, "--new-key", "--revoke", "--json").json["new_key"]
    assert call(market, own, "--api-key", first).code == 3
    assert call(market, own, "--api-key", second).code == 0
    assert first not in market.run("access", own).out
    assert market.run("access", own, "--public").code == 0
    assert call(market, own).code == 0


def test_access__signer__may_call_by_signing(market, own):
    ran = market.run("access", own, "--signer", market.address("beta"))

    assert ran.code == 0, ran.err
    assert market.address("beta") in ran.out
    assert call(market, own, "--key", "beta").out == "Hi, Ada\n"
    assert call(market, own, "--key", "alpha").code == 3
    assert call(market, own).code == 3


def test_access__initiator__may_begin_scripts_and_nobody_calls(market, own):
    ran = market.run("access", own, "--initiator", SCRIPTER)
    wrong = market.run("access", own, "--initiator", "nobody")

    assert ran.code == 0, ran.err
    assert f"scripts of {SCRIPTER}" in ran.out
    assert call(market, own).code == 3
    assert (wrong.code, wrong.out) == (2, "")


def test_access__mistakes__are_told(market, own):
    assert market.run("access", own, "--key", "alpha").code == 3
    assert market.run("access", own, "--public", "--new-key").code == 2
    assert market.run("access", own, "--revoke").code == 2
    assert market.run("access", 99_999).code == 1
    assert call(market, own, "--key", "beta", "--api-key", "x").code == 2

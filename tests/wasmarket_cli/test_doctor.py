"""`wasmarket doctor`: checks that fail, hang or have a bug, side by side, each with what to do."""

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from wasmarket.kernel.errors import MarketError, Unreachable
from wasmarket_cli import setup
from wasmarket_cli.setup import _gas, _show_settings, _try_all

pytestmark = pytest.mark.unit


def test_checks__of_every_outcome__are_told_in_order(monkeypatch):
    monkeypatch.setattr(setup, "CHECK_SECONDS", 0.2)
    over = threading.Event()

    def silent():
        raise Unreachable("nobody answers", remedy="start it")

    def buggy():
        raise ZeroDivisionError("oh")

    rows = _try_all(
        [("well", lambda: "all"), ("away", silent), ("bug", buggy), ("hangs", over.wait)]
    )
    over.set()

    assert rows[0] == ("well", True, "all", "")
    assert rows[1] == ("away", False, "nobody answers", "start it")
    assert rows[2][1:3] == (False, "ZeroDivisionError: oh")
    assert rows[3][1:3] == (False, "no answer within 0 s")


def test_gas__of_an_account_without_coins__says_what_needs_none():
    def wiring(coins):
        rpc = SimpleNamespace(fetch_balance=lambda address: coins)
        return SimpleNamespace(rpc=rpc, account=lambda: SimpleNamespace(address="0x0"))

    with pytest.raises(MarketError, match="no coin for gas"):
        _gas(wiring(0))
    assert _gas(wiring(10**18)) == "1 coins for gas"


def test_settings__that_are_secret__are_only_said_to_be_set():
    @dataclass(frozen=True)
    class Some:
        plain: str = "seen"
        token: str = field(default="swordfish", metadata={"secret": True})
        empty: str = field(default="", metadata={"secret": True})

    assert _show_settings(Some()) == {"plain": "seen", "token": "(set)", "empty": ""}

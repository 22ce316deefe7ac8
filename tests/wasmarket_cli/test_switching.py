"""What an update says and asks before a deal runs another version, and what came of it."""

from types import SimpleNamespace

import pytest

from wasmarket.app.file import load_app
from wasmarket.app.overrides import override_settings
from wasmarket.client.deal_peers.served_versions import ServedVersion
from wasmarket.kernel.errors import Conflict, ContentNotFound, NotFound, Unreachable
from wasmarket_cli.developer.releases import switching
from wasmarket_cli.developer.releases.switching import switch_version
from wasmarket_cli.developer.settings import keep_given
from wasmarket_cli.errors import Exit

pytestmark = pytest.mark.unit

APP = """name = "a"
[settings]
LEVEL = "info"
[[service]]
name = "s"
total_memory_limit = 65536
[[service.module]]
name = "m"
path = "m.wasm"
"""
SHAPE = {"functions": [{"name": "f", "arguments": [], "output": None}], "records": []}
OLD = "0x" + "66" * 32


class Market:
    """A deal whose app the gateway keeps, and whose peers serve what a test says."""

    def __init__(self, before, served=(), interface=None):
        self.before = before
        self.served = list(served)
        self.shape = interface
        self.published = []
        self.gateway = SimpleNamespace(send=self._send)

    def _send(self, method, path, params):
        if self.before is None:
            raise NotFound("no such block")
        return SimpleNamespace(content=self.before.get(self.before.cid))

    def deal(self, number):
        return {"app": OLD if self.before is None else self.before.app}

    def interface(self, deal):
        if self.shape is None:
            raise Unreachable("no peer answers")
        return self.shape

    def name_version(self, deal, app):
        return SimpleNamespace(tx_hash="0xaa")

    def served_versions(self, deal):
        return self.served


@pytest.fixture
def app(tmp_path):
    (tmp_path / "m.wasm").write_bytes(b"module")
    (tmp_path / "app.toml").write_text(APP)
    return load_app(tmp_path)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Nothing is sent to a gateway, and nobody is at a terminal."""
    monkeypatch.setattr(switching, "publish", lambda client, app: client.published.append(app))
    monkeypatch.setattr(switching.sys.stdin, "isatty", lambda: False, raising=False)


def switch(market, app, **options):
    given = {"wait": 0, "yes": False, "is_quiet": False} | options
    return switch_version(market, 7, app, {"s": SHAPE}, **given)


def test_update__keeps_what_was_given_for_the_deal_and_says_so(app, capsys):
    deal = override_settings(app, {"LEVEL": "debug"})

    kept = keep_given(Market(deal), deal.app, app)

    assert kept.cid == deal.cid
    assert "setting LEVEL keeps what was given for this deal: 'debug'" in capsys.readouterr().err


def test_update__without_a_setting_that_was_given__says_that_it_is_gone(app, tmp_path, capsys):
    deal = override_settings(app, {"LEVEL": "debug"})
    (tmp_path / "app.toml").write_text(APP.replace('[settings]\nLEVEL = "info"\n', ""))

    keep_given(Market(deal), deal.app, load_app(tmp_path))

    assert "setting LEVEL was given for this deal, and the app has it no more" in (
        capsys.readouterr().err
    )


def test_update__of_an_app_that_nobody_keeps__asks_for_the_values_or_defaults(app):
    with pytest.raises(ContentNotFound, match="cannot be read") as refused:
        keep_given(Market(None), OLD, app)

    assert "--defaults" in refused.value.remedy


def test_switch__setting_that_becomes_another__is_said(app, capsys):
    switch(Market(override_settings(app, {"LEVEL": "debug"})), app)

    assert "setting LEVEL: 'debug' becomes 'info'" in capsys.readouterr().err


def test_switch__that_takes_functions_away__is_refused_where_nobody_can_be_asked(app):
    more = {"functions": [*SHAPE["functions"], SHAPE["functions"][0] | {"name": "g"}]}
    market = Market(app, interface={"s": more | {"records": []}})

    with pytest.raises(Conflict, match=r"s\.g is gone"):
        switch(market, app)
    assert market.published == []
    assert switch(market, app, yes=True).code == Exit.OK


def test_switch__without_waiting__says_how_to_see_when_peers_serve_it(app, capsys):
    outcome = switch(Market(app), app)

    assert outcome.facts["serves"] is False
    assert "each peer switches once it answers its health call" in capsys.readouterr().out


def test_switch__that_no_peer_runs__says_who_begins_with_it(app, capsys, monkeypatch):
    monkeypatch.setattr(switching, "wait_for_version", lambda *_: [])

    assert switch(Market(app), app, wait=1).code == Exit.OK
    assert "no peer runs deal 7 now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("failure", "why"), [("it trapped", "it trapped"), ("", "it has not switched in time")]
)
def test_switch__peer_that_stays_behind__is_named_with_the_reason(app, capsys, failure, why):
    behind = ServedVersion(3, OLD, app.app, failure)
    market = Market(app, [behind])

    outcome = switch(market, app, wait=1)

    assert (outcome.code, outcome.facts["serves"]) == (Exit.FAILED, False)
    assert f"peer 3 goes on with the old version: {why}" in capsys.readouterr().err


def test_switch__that_all_peers_serve__is_said(app, capsys):
    outcome = switch(Market(app, [ServedVersion(3, app.app, app.app, "")]), app, wait=1)

    assert outcome.facts["serves"] is True
    assert "on all its peers" in capsys.readouterr().out

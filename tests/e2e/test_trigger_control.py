"""`wasmarket trigger fire | pause | resume`, and events of the market's own chain."""

import pytest

from tests.e2e.market_driver import wait_until
from tests.peer.apps import build_seeing
from wasmarket.app.file import load_app

pytestmark = pytest.mark.e2e

APP = """
name = "watcher"

[health]
service = "watcher"
function = "health"

[[service]]
name = "watcher"
total_memory_limit = 16777216

[[service.module]]
name = "watcher"
path = "watcher.wasm"

[[trigger]]
kind = "every"
seconds = 1
service = "watcher"
function = "health"

[[trigger]]
kind = "stop"
service = "watcher"
function = "health"

[[trigger]]
kind = "chain-event"
contract = "{market}"
event = "DealBalance(uint256 indexed deal, address indexed who, uint256 balance)"
filters = {{ who = "{developer}" }}
confirmations = 0
service = "watcher"
function = "seen"
"""


@pytest.fixture(scope="module")
def watcher(market, tmp_path_factory):
    """A deal on one peer that is called by a clock and by deposits of its developer."""
    folder = tmp_path_factory.mktemp("watcher")
    (folder / "watcher.wasm").write_bytes(build_seeing())
    text = APP.format(market=market.wiring.deployment.market, developer=market.address("developer"))
    (folder / "app.toml").write_text(text)
    return market.deploy(load_app(folder), only="alpha")


def find(market, deal, kind):
    """Return what the deal's peer tells of its trigger of a kind."""

    def look():
        told = market.run("trigger", "list", deal, "--json").json["triggers"]
        return [entry for entry in told if entry["kind"] == kind]

    [found] = wait_until("it is listed", look)
    return found


def test_event__of_the_markets_chain__calls_the_function_with_it(market, watcher):
    wait_until("events are read", lambda: find(market, watcher, "chain-event")["block"] is not None)

    market.run("top-up", watcher, "1", "--key", "developer")

    answered = wait_until(
        "it is answered", lambda: find(market, watcher, "chain-event")["answered"]
    )
    assert answered >= 1
    assert "block " in market.run("trigger", "list", watcher).out


def test_pause__of_one__rests_until_it_is_resumed_and_an_older_word_changes_nothing(
    market, watcher
):
    key = (
        wait_until("it fires", lambda: find(market, watcher, "every")["answered"])
        and (find(market, watcher, "every")["key"])
    )

    paused = market.run("trigger", "pause", watcher, key)

    assert paused.code == 0, paused.err
    assert f"{key} paused" in paused.out
    assert find(market, watcher, "every")["paused"]
    assert not find(market, watcher, "stop")["paused"]
    assert "paused" in market.run("trigger", "list", watcher).out
    before = find(market, watcher, "every")["answered"]
    fired = market.run("trigger", "fire", watcher, key)
    assert fired.code == 0, fired.err
    assert "answered, receipt" in fired.out
    assert find(market, watcher, "every")["answered"] == before + 1

    resumed = market.run("trigger", "resume", watcher, "--json")
    assert resumed.json == {"deal": watcher, "version": 2, "paused": []}
    wait_until("it goes on", lambda: find(market, watcher, "every")["answered"] > before + 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fire", "0123456789abcdef"), "has a trigger 0123456789abcdef"),
        (("pause", "0123456789abcdef"), "has no trigger 0123456789abcdef"),
    ],
)
def test_control__of_a_trigger_that_is_not_there__says_so(market, watcher, arguments, said):
    command, key = arguments

    ran = market.run("trigger", command, watcher, key)

    assert ran.code == 1
    assert said in ran.err


def test_fire__with_an_event_or_without__as_the_trigger_takes_it(market, watcher):
    event, every = (find(market, watcher, kind)["key"] for kind in ("chain-event", "every"))
    value = '{"deal": "1", "who": "0x00", "balance": "5"}'

    assert market.run("trigger", "fire", watcher, event, "--event", value).code == 0
    assert "is fired with one" in market.run("trigger", "fire", watcher, event).err
    assert "takes no event" in market.run("trigger", "fire", watcher, every, "--event", value).err
    assert "is not JSON" in market.run("trigger", "fire", watcher, event, "--event", "{").err
    stranger = market.new_account("developer")
    refused = market.run("trigger", "fire", watcher, every, "--key", stranger)
    assert "is not the developer" in refused.err

"""Triggers of `wasmarket dev`: found by number or key, fired with an event if they wait for one."""

import json

import pytest

from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import InvalidInput, NotFound
from wasmarket_cli.developer.arguments import parse_event
from wasmarket_cli.developer.desk.desk_front import describe, find_trigger
from wasmarket_cli.developer.desk.desk_server import add_event

pytestmark = pytest.mark.unit

CLOCK = Trigger("every", "app", "tick", b'["x"]', seconds=60)
CRON = Trigger("cron", "app", "tick", expression="0 0 * * *")
START = Trigger("start", "app", "begin")
EVENT = Trigger(
    "chain-event",
    "app",
    "seen",
    b'["x"]',
    contract="0x" + "11" * 20,
    event="Ping(uint256 value)",
)


def test_fire__of_events__takes_the_event_behind_its_arguments():
    assert json.loads(add_event(EVENT, {"value": "5"})) == ["x", {"value": "5"}]
    assert add_event(CLOCK, None) == b'["x"]'


def test_fire__without_the_event__shows_one():
    with pytest.raises(InvalidInput) as refused:
        add_event(EVENT, None)

    assert '"value"' in refused.value.remedy


def test_fire__of_a_clock_with_an_event__is_refused():
    with pytest.raises(InvalidInput, match="of kind every takes no event"):
        add_event(CLOCK, {"value": "5"})


def test_find__by_number_or_key__else_says_how_many_there_are():
    triggers = [CLOCK, EVENT]

    assert find_trigger(triggers, "2") is EVENT
    assert find_trigger(triggers, CLOCK.key) is CLOCK
    with pytest.raises(NotFound, match="no trigger '3'") as refused:
        find_trigger(triggers, "3")
    assert refused.value.remedy == "the app has 2, from 1"


@pytest.mark.parametrize(
    ("trigger", "when"),
    [
        (CLOCK, "60 s"),
        (CRON, "0 0 * * *"),
        (START, ""),
        (EVENT, "Ping of 0x" + "11" * 20),
    ],
)
def test_list__says_when_each_fires(trigger, when):
    assert describe(1, trigger)["when"] == when


@pytest.mark.parametrize(
    ("text", "words"), [("{", "not JSON"), ("7", "no JSON object"), ("[" * 9_000, "not JSON")]
)
def test_event__that_is_none__is_refused(text, words):
    with pytest.raises(InvalidInput, match=words):
        parse_event(text)

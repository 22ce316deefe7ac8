"""The stream of events: everything in order, resumed at any event, and told of reorgs."""

import asyncio
import json

import pytest

from matcher.api.event_stream import Filter, find_position, stream
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.events import CounterBumped

pytestmark = pytest.mark.unit


def read(town, count, *, after=None, chosen=None, meanwhile=lambda: None):
    """Return the first `count` messages behind an event id, as (id, event, data)."""
    position = find_position(town.database, after)
    meanwhile()

    async def collect():
        found = []
        async for text in stream(town.database, position, chosen or Filter(), interval=0.001):
            found += [m for m in text.split("\n\n") if m and not m.startswith(":")]
            if len(found) >= count:
                return found[:count]

    return [_parse(message) for message in asyncio.run(asyncio.wait_for(collect(), 10))]


def _parse(message):
    members = dict(line.split(": ", 1) for line in message.split("\n"))
    return members["id"], members["event"], json.loads(members["data"])


def bump(town, *counters):
    for counter in counters:
        town.chain.mine(CounterBumped(town.provider.address, counter))
    town.index()


def test_stream__without_id__begins_now(town):
    bump(town, 1)

    [(id_, name, data)] = read(town, 1, meanwhile=lambda: bump(town, 2))

    assert (name, data["counter"]) == ("CounterBumped", "2")
    assert id_ == f"{town.chain.head.number}:0"
    assert data["block"] == town.chain.head.number


def test_stream__resumed_behind_an_event__misses_and_repeats_nothing(town):
    bump(town, 1, 2, 3, 4)
    first, _, _ = read(town, 1, after="0:0")[0]

    rest = read(town, 3, after=first)

    assert [data["counter"] for _, _, data in rest] == ["2", "3", "4"]


def test_stream__filter__sends_only_what_was_asked_for(town):
    town.register_peer()
    bump(town, 1)

    [(_, name, _)] = read(town, 1, after="0:0", chosen=Filter({"CounterBumped"}))

    assert name == "CounterBumped"
    assert not Filter(deal=3).wants(_event("Matched"), {"deal": 4})
    assert Filter(deal=3).wants(_event("Matched"), {"deal": 3})


def _event(name):
    class Event:
        pass

    event = Event()
    event.name = name
    return event


def test_stream__reorg__names_the_block_to_fall_back_to_and_goes_on(town):
    bump(town, 1)
    base = town.chain.head.number
    bump(town, 2)

    def reorganize():
        town.chain.reorg(1, [CounterBumped(town.provider.address, 7)])
        town.index()

    messages = read(town, 2, meanwhile=reorganize)

    assert [(name, data.get("block"), data.get("counter")) for _, name, data in messages] == [
        ("reorg", base, None),
        ("CounterBumped", base + 1, "7"),
    ]


@pytest.mark.parametrize("text", ["x", "1", "1:x", ":", "-1:0", "9" * 40 + ":0"])
def test_find_position__nonsense__is_bad_input(town, text):
    with pytest.raises(InvalidInput, match="Last-Event-ID"):
        find_position(town.database, text)


def test_stream__quiet_market__is_kept_alive(town):
    async def collect():
        position = find_position(town.database, None)
        lines = stream(town.database, position, Filter(), interval=0.001, keep_alive=0.002)
        return [await anext(lines) for _ in range(2)]

    assert asyncio.run(collect()) == [": welcome\n\n", ": still here\n\n"]


def test_route__bad_last_event_id__is_a_problem(town):
    answer = town.http.get("/v1/events", headers={"Last-Event-ID": "x"})

    assert (answer.status_code, answer.json()["field"]) == (400, "Last-Event-ID")

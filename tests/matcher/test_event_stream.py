"""The stream of events: everything in order, resumed at any event, and told of reorgs."""

import asyncio
import json

import pytest

from matcher.api.event_stream import News, find_position, stream
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.events import (
    Activated,
    Assigned,
    Claimed,
    CounterBumped,
    DealCreated,
    Matched,
    Skipped,
)
from wasmarket.store.chain.events import EventChoice

pytestmark = pytest.mark.unit


def read(town, count, *, after=None, chosen=None, meanwhile=lambda: None):
    """Return the first `count` messages behind an event id, as (id, event, data)."""
    position = find_position(town.database, after)
    meanwhile()

    async def collect():
        found = []
        news = News(town.database, 0.001)
        async for text in stream(news, town.database, position, chosen or EventChoice()):
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
    assert id_ == f"{town.chain.head.number}:0:{town.chain.head.hash[2:18]}"
    assert data["block"] == town.chain.head.number


def test_stream__resumed_behind_an_event__misses_and_repeats_nothing(town):
    bump(town, 1, 2, 3, 4)
    first, _, _ = read(town, 1, after="0:0")[0]

    rest = read(town, 3, after=first)

    assert [data["counter"] for _, _, data in rest] == ["2", "3", "4"]


def test_stream__filter__sends_only_what_was_asked_for(town):
    town.register_peer()
    bump(town, 1)

    [(_, name, _)] = read(town, 1, after="0:0", chosen=EventChoice({"CounterBumped"}))

    assert name == "CounterBumped"


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


def replace_newest(town, depth, counter):
    """Replace the newest blocks by as many others, one of them with an event."""
    town.chain.reorg(depth, [CounterBumped(town.provider.address, counter)])
    town.index()


def told(messages):
    return [
        (name, data.get("block") if name == "reorg" else data["counter"])
        for _, name, data in messages
    ]


def test_stream__resumed_after_its_blocks_were_replaced__is_told_before_the_new_events(town):
    bump(town, 1, 2, 3)
    base = town.chain.head.number
    bump(town, 4, 5)
    last = read(town, 5, after="0:0")[-1][0]
    replace_newest(town, 2, 7)

    messages = read(town, 2, after=last)

    assert told(messages) == [("reorg", base), ("CounterBumped", "7")]
    # The reorg itself can be resumed: nothing is told twice.
    assert told(read(town, 1, after=messages[0][0])) == [("CounterBumped", "7")]


def test_stream__resumed_after_two_reorgs__falls_back_to_the_deeper_one(town):
    bump(town, 1)
    base = town.chain.head.number
    bump(town, 2, 3)
    last = read(town, 3, after="0:0")[-1][0]
    replace_newest(town, 1, 7)
    replace_newest(town, 2, 8)

    assert told(read(town, 2, after=last)) == [("reorg", base), ("CounterBumped", "8")]


def test_stream__resumed_on_a_branch_that_came_back__goes_on(town):
    bump(town, 1, 2)
    last = read(town, 2, after="0:0")[-1][0]
    blocks = list(town.chain._blocks)
    replace_newest(town, 1, 7)
    town.chain._blocks = blocks
    town.index()

    assert told(read(town, 1, after=last, meanwhile=lambda: bump(town, 9))) == [
        ("CounterBumped", "9")
    ]


@pytest.mark.parametrize("branch", ["", ":" + "ab" * 8])
def test_stream__resumed_with_an_unknown_branch__falls_back_below_all_that_may_differ(town, branch):
    bump(town, 1, 2)

    messages = read(town, 3, after=f"{town.chain.head.number}:0{branch}")

    assert told(messages) == [("reorg", 0), ("CounterBumped", "1"), ("CounterBumped", "2")]


def test_stream__deal__shows_also_events_that_name_only_its_assignment(town):
    town.register_peer()
    town.chain.mine(
        Assigned(1, 1, 1, 1, 5, ZERO_HASH),
        DealCreated(1, town.developer.address, ZERO_HASH, ZERO_HASH, 100, 2**32 - 1, ZERO_ADDRESS),
        Matched(1, town.provider.address, 1, 0),
    )
    epoch = town.deployment.epoch_of(town.chain.head.timestamp)
    town.chain.mine(
        Activated(1, 1, epoch, 0, 100, 5),
        Skipped(1, 30),
        Claimed(1, town.provider.address, epoch, 5, 0),
        Skipped(2**256 - 1, 30),
    )
    bump(town, 1)

    for chosen in (EventChoice(deal=1), EventChoice(account=town.developer.address)):
        messages = read(town, 6, after="0:0", chosen=chosen)
        assert [name for _, name, _ in messages][-3:] == ["Activated", "Skipped", "Claimed"]
        assert all(data["deal"] == 1 for _, _, data in messages)
    names = [name for _, name, _ in read(town, 5, after="0:0", chosen=EventChoice(peer=1))]
    assert names == ["PeerRegistered", "Assigned", "Activated", "Skipped", "Claimed"]


@pytest.mark.parametrize("text", ["x", "1", "1:x", ":", "-1:0", "9" * 40 + ":0", "1:0:x"])
def test_find_position__nonsense__is_bad_input(town, text):
    with pytest.raises(InvalidInput, match="Last-Event-ID"):
        find_position(town.database, text)


def test_stream__quiet_market__is_kept_alive(town):
    async def collect():
        position = find_position(town.database, None)
        news = News(town.database, 0.001)
        lines = stream(news, town.database, position, EventChoice(), keep_alive=0.002)
        return [await anext(lines) for _ in range(2)]

    assert asyncio.run(collect()) == [": welcome\n\n", ": still here\n\n"]


def test_route__bad_last_event_id__is_a_problem(town):
    answer = town.http.get("/v1/events", headers={"Last-Event-ID": "x"})

    assert (answer.status_code, answer.json()["field"]) == (400, "Last-Event-ID")

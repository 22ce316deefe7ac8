"""The log of a deal: bounded, followed, never a reason to wait."""

import asyncio

import pytest

from peer.hosting.sources import MAX_DEALS, MAX_SOURCES, SourceHints
from peer.service_log import MAX_LINES, QUEUE_LINES, ServiceLog

pytestmark = pytest.mark.unit


def test_log__lines__are_split_and_numbered():
    log = ServiceLog()

    log.add(60, "a.b", ["info: first: part", "stderr: second"])

    first, second = log.tail(10)
    assert (first.number, first.level, first.text) == (1, "info", "first: part")
    assert (second.number, second.time, second.function) == (2, 60, "a.b")
    assert log.tail(1) == [second]
    assert log.tail(0) == []


def test_log__many_lines__keeps_the_newest():
    log = ServiceLog()
    log.add(0, "a.b", [f"info: {n}" for n in range(MAX_LINES + 5)])

    kept = log.tail(MAX_LINES + 5)

    assert len(kept) == MAX_LINES
    assert kept[-1].number == MAX_LINES + 5


def test_follow__gets_old_and_new_lines_until_closed():
    async def run():
        log = ServiceLog()
        log.add(0, "a.b", ["info: old"])
        found = []

        async def read():
            async for line in log.follow(10):
                found.append(line.text)

        reader = asyncio.create_task(read())
        await asyncio.sleep(0)
        log.add(0, "a.b", ["info: new"])
        log.close()
        await reader
        assert log.has_room
        return found

    assert asyncio.run(run()) == ["old", "new"]


def test_follow__slow_reader__misses_lines_but_not_the_end():
    async def run():
        log = ServiceLog()
        reader = log.follow(0)
        first = asyncio.create_task(anext(reader))
        await asyncio.sleep(0)
        log.add(0, "a.b", [f"info: {n}" for n in range(QUEUE_LINES + 50)])
        log.close()
        await first
        return [line.number async for line in reader]

    numbers = asyncio.run(run())
    assert len(numbers) <= QUEUE_LINES
    assert numbers == sorted(numbers)


def test_hints__more_than_room__forget_the_oldest():
    hints = SourceHints()
    for deal in range(MAX_DEALS + 1):
        hints.add(deal, ["http://a"])

    assert hints.get(0) == ()
    hints.add(5, [f"http://{n}" for n in range(MAX_SOURCES)])
    assert hints.get(5)[0] == "http://0"
    assert len(hints.get(5)) == MAX_SOURCES

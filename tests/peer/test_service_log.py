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


def test_log__on_disk__goes_on_after_a_restart(tmp_path):
    log = ServiceLog(tmp_path)
    log.add(1, "a.b", ["info: one", "warn: two"])

    again = ServiceLog(tmp_path)
    again.add(2, "a.b", ["info: three"])

    assert [(line.number, line.text) for line in again.tail(10)] == [
        (1, "one"),
        (2, "two"),
        (3, "three"),
    ]


def test_log__line_cut_off_by_a_kill__costs_that_line_only(tmp_path):
    ServiceLog(tmp_path).add(1, "a.b", ["info: one", "info: two"])
    file = tmp_path / "new.ndjson"
    file.write_bytes(file.read_bytes()[:-9])

    again = ServiceLog(tmp_path)
    again.add(2, "a.b", ["info: three"])

    assert [line.text for line in ServiceLog(tmp_path).tail(10)] == ["one", "three"]


def test_log__much_of_it__stays_within_its_bytes(tmp_path):
    log = ServiceLog(tmp_path, max_bytes=10_000)
    for number in range(1_000):
        log.add(0, "a.b", [f"info: line {number}"])

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10_000
    kept = ServiceLog(tmp_path, max_bytes=10_000).tail(5_000)
    assert kept[-1].text == "line 999"
    assert len(kept) > 50


def test_log__disk_refuses__is_kept_in_memory(tmp_path):
    (tmp_path / "log").write_text("not a folder")
    log = ServiceLog(tmp_path / "log")

    log.add(0, "a.b", ["info: one"])

    assert [line.text for line in log.tail(5)] == ["one"]

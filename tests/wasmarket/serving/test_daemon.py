"""The daemon's loop goes on after any error, says how it goes, and ends when it is asked to."""

import asyncio
import errno
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from wasmarket.kernel.errors import MarketError, Unreachable
from wasmarket.serving.daemon import Loops, Pace, TaskLoop, ThreadLoop, explain

pytestmark = pytest.mark.unit

WAIT = 30
QUICK = Pace(0.001, first_pause=0.001, longest_pause=0.002)


class Script:
    """A step that raises the given errors in order, then does well; says when it does."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.does_well = threading.Event()

    def step(self):
        if self.errors:
            raise self.errors.pop(0)
        self.does_well.set()

    async def step_async(self):
        self.step()


def run_thread(script, pace=QUICK):
    loop = ThreadLoop("work", script.step, pace)
    loop.start()
    assert script.does_well.wait(WAIT)
    loop.ask_to_stop()
    loop.join(WAIT)
    return loop


def run_task(script, pace=QUICK):
    async def run():
        loop = TaskLoop("work", script.step_async, pace)
        loop.start()
        assert await asyncio.to_thread(script.does_well.wait, WAIT)
        await loop.close()
        return loop

    return asyncio.run(run())


ERRORS = [ValueError("a bug"), Unreachable("no node"), OSError(errno.ENOSPC, "full", "/disk")]


@pytest.mark.parametrize("run", [run_thread, run_task])
def test_loop__step_raises__goes_on_and_counts(run):
    loop = run(Script(*ERRORS, RecursionError("deep"), MemoryError()))

    assert loop.turns["bug"] == 3
    assert loop.turns["failed"] == 2
    assert loop.turns["ok"] >= 1
    assert loop.problem == ""


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("a bug"), "work: failed unexpectedly (ValueError: a bug)"),
        (MarketError("the chain is away"), "work: the chain is away"),
        (OSError(errno.ENOSPC, "No space", "/disk"), "work: the disk is full (/disk): make room"),
        (OSError(errno.EACCES, "Permission denied", "/x"), "work: Permission denied: /x"),
    ],
)
def test_problem__every_turn_fails__says_why_until_one_does_well(error, says):
    script = Script(error, error)
    loop = ThreadLoop("work", script.step, QUICK)

    for _ in range(2):
        loop.take_turn()
        assert loop.problem.startswith(says)
    loop.take_turn()
    assert loop.problem == ""


def test_problem__no_turn_yet__says_so():
    assert "first turn" in ThreadLoop("work", lambda: None, Pace(1.0)).problem
    assert ThreadLoop("work", lambda: None, Pace(1.0, waits_first=True)).problem == ""


def test_problem__turn_that_hangs__is_reported_and_a_beat_ends_it():
    entered, leave = threading.Event(), threading.Event()

    def hang():
        entered.set()
        leave.wait(WAIT)

    loop = ThreadLoop("work", hang, Pace(None, stall_seconds=0.5))
    loop.turns["ok"] = 1
    loop.start()
    assert entered.wait(WAIT)
    deadline = time.monotonic() + WAIT
    while not loop.problem:
        assert time.monotonic() < deadline
    assert "stuck" in loop.problem
    loop.beat()
    assert loop.problem == ""
    leave.set()
    loop.ask_to_stop()
    loop.join(WAIT)


def test_problem__thread_that_was_ended_from_inside__is_reported():
    loop = ThreadLoop("work", lambda: (_ for _ in ()).throw(SystemExit), Pace(0.0))
    with pytest.raises(SystemExit):
        loop.run()

    assert "has ended" in loop.problem


def test_task_loop__what_it_waits_for_is_cancelled__goes_on():
    async def run():
        done = asyncio.Event()
        times = []

        async def step():
            times.append(1)
            if len(times) == 1:
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future
            done.set()

        loop = TaskLoop("work", step, QUICK)
        loop.start()
        await asyncio.wait_for(done.wait(), WAIT)
        await loop.close()
        return loop

    loop = asyncio.run(run())
    assert loop.turns["bug"] == 1


def test_task_loop__closed_within_a_turn__ends():
    async def run():
        entered = asyncio.Event()

        async def step():
            entered.set()
            await asyncio.Event().wait()

        loop = TaskLoop("work", step, QUICK)
        loop.start()
        await entered.wait()
        await asyncio.wait_for(loop.close(), WAIT)

    asyncio.run(run())


def test_wake__from_another_thread__brings_the_next_turn():
    async def run():
        turns = asyncio.Queue()

        async def step():
            turns.put_nowait(1)

        loop = TaskLoop("work", step, Pace(None))
        loop.start()
        await turns.get()
        await asyncio.to_thread(loop.wake)
        await asyncio.wait_for(turns.get(), WAIT)
        await loop.close()
        loop.wake()

    asyncio.run(run())


def test_wake__while_it_fails__does_not_choose_how_often():
    failed = threading.Semaphore(0)

    def step():
        failed.release()
        raise ValueError

    loop = ThreadLoop("work", step, Pace(None, first_pause=3_600, longest_pause=3_600))
    loop.start()
    assert failed.acquire(timeout=WAIT)
    for _ in range(100):
        loop.wake()
    assert not failed.acquire(timeout=0.1)
    loop.ask_to_stop()
    loop.join(WAIT)
    assert loop.turns["bug"] == 1


def test_wake__many_at_once__are_gathered_into_one_turn():
    turns = threading.Semaphore(0)
    loop = ThreadLoop("work", turns.release, Pace(None, gather=0.05))
    loop.start()
    assert turns.acquire(timeout=WAIT)
    for _ in range(50):
        loop.wake()
    assert turns.acquire(timeout=WAIT)
    loop.ask_to_stop()
    loop.join(WAIT)
    # A machine that stands still between two wakes makes one more of it.
    assert loop.turns["ok"] < 10


def test_on_end__raises__is_logged_and_the_thread_ends(caplog):
    def fail():
        raise ValueError("cannot save")

    loop = ThreadLoop("work", lambda: None, QUICK, on_end=fail)
    loop.start()
    loop.ask_to_stop()
    loop.join(WAIT)

    assert "cannot save" in caplog.text


@given(st.integers(1, 10_000), st.floats(0.001, 10), st.floats(0.001, 100))
def test_after_failures__any_number__grows_and_is_bounded(count, first, longest):
    pace = Pace(1.0, first_pause=first, longest_pause=longest)

    assert 0 < pace.after_failures(count) <= longest
    assert pace.after_failures(count) <= pace.after_failures(count + 1)


def test_loops__two_of_them__are_counted_and_reported_by_name():
    bad = ThreadLoop("bad", Script(ValueError("x")).step, QUICK)
    good = ThreadLoop("good", lambda: None, QUICK)
    loops = Loops(bad)
    loops.add(good)
    for loop in loops:
        loop.take_turn()
    registry = CollectorRegistry()
    registry.register(loops)

    text = generate_latest(registry).decode()

    assert 'wasmarket_loop_turns_total{loop="bad",outcome="bug"} 1.0' in text
    assert 'wasmarket_loop_turns_total{loop="good",outcome="ok"} 1.0' in text
    assert 'wasmarket_loop_silent_seconds{loop="good"}' in text
    assert [problem.partition(":")[0] for problem in loops.problems()] == ["bad"]


def test_explain__error_without_words__still_names_it():
    assert "KeyError" in explain(KeyError())

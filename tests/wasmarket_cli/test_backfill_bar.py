"""The bar of an indexer at a terminal: there while it is far behind, with rate and time left."""

import io

import pytest
from rich.console import Console

from indexer.progress import Progress
from wasmarket_cli.operator.backfill_bar import BackfillBar

pytestmark = pytest.mark.unit


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def bar(out):
    seconds = iter(range(100))
    console = Console(file=out, force_terminal=True, width=120, color_system=None)
    bar = BackfillBar(console, clock=lambda: next(seconds))
    yield bar
    bar.close()


def test_show__far_behind__says_blocks_rate_and_time_left(bar, out):
    bar.show(Progress(head=10_000, indexed=1_000, is_leader=True))
    bar.show(Progress(head=10_000, indexed=4_000, is_leader=True, events=30_000))
    bar._bar.refresh()

    assert "3000/9000 blocks, 15,000 events/s," in out.getvalue()
    assert "left" in out.getvalue()


def test_show__read_again_beside__counts_the_copy(bar, out):
    bar.show(Progress(head=10_000, indexed=9_999, is_leader=True, rebuilt=0))
    bar.show(Progress(head=10_000, indexed=9_999, is_leader=True, rebuilt=2_500))
    bar._bar.refresh()

    assert "2500/10000 blocks" in out.getvalue()


@pytest.mark.parametrize(
    "progress",
    [
        Progress(),
        Progress(head=10_000, is_leader=True),
        Progress(head=10_000, indexed=9_900, is_leader=True),
        Progress(head=10_000, indexed=1, is_leader=False),
    ],
    ids=["not looked", "nothing indexed", "near the head", "another leads"],
)
def test_show__nothing_to_wait_for__is_silent(bar, out, progress):
    bar.show(progress)

    assert out.getvalue() == ""


def test_show__caught_up__the_bar_goes_and_does_not_come_back_for_a_block(bar):
    bar.show(Progress(head=10_000, indexed=1_000, is_leader=True))
    bar.show(Progress(head=10_000, indexed=9_996, is_leader=True))
    gone = bar._bar is None
    bar.show(Progress(head=10_010, indexed=9_996, is_leader=True))

    assert gone
    assert bar._bar is None

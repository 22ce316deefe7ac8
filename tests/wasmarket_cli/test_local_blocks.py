"""A local chain left alone: blocks go on, and each epoch begins with one."""

import math
import threading
import time
from itertools import pairwise

import pytest

from wasmarket.chain.development.anvil import Anvil
from wasmarket.kernel.units import Timestamp
from wasmarket_cli.local.blocks import IDLE_SECONDS, BlockMaker, create_block_loop

pytestmark = pytest.mark.anvil

EPOCH = 60


class Clock:
    """Seconds that a test lets pass, for us and for the chain alike."""

    def __init__(self, rpc):
        self.rpc, self.now = rpc, 0.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds
        self.rpc.request("evm_increaseTime", [hex(int(seconds))])


@pytest.fixture
def anvil():
    with Anvil.start(timestamp=1_700_000_040) as process:
        yield process


@pytest.fixture
def clock(anvil):
    return Clock(anvil.rpc)


def test_step__nobody_sends_for_many_epochs__every_epoch_has_blocks_from_its_first_seconds(
    anvil, clock
):
    maker = BlockMaker(anvil.rpc, EPOCH, clock)
    slowest = 0.0
    for _ in range(5 * EPOCH):
        began = time.monotonic()
        maker.step()
        clock.advance(1)
        slowest = max(slowest, time.monotonic() - began)
    # The chain's clock also goes on by itself, which a busy machine makes felt.
    spare = math.ceil(slowest * (IDLE_SECONDS + 1))
    count = anvil.rpc.fetch_block_number() + 1
    times = [header.timestamp for header in anvil.rpc.fetch_headers(range(1, count))]

    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) <= IDLE_SECONDS + 2 + spare
    begun = {}
    for at in times:
        begun.setdefault(at // EPOCH, at % EPOCH)
    assert len(begun) >= 5
    assert max(list(begun.values())[1:]) <= 2 + spare


def test_step__others_send__makes_no_block(anvil, clock):
    maker = BlockMaker(anvil.rpc, EPOCH, clock)
    for _ in range(10):
        anvil.cheats.mine()
        assert not maker.step()
        clock.advance(1)


def test_loop__left_alone__makes_blocks_until_stopped(anvil):
    loop = create_block_loop(anvil.rpc, EPOCH)
    before = anvil.rpc.fetch_head()
    seen = threading.Event()

    def look():
        while anvil.rpc.fetch_head().number == before.number and not seen.wait(0.05):
            pass

    watcher = threading.Thread(target=look)
    loop.start()
    watcher.start()
    watcher.join(60)
    loop.ask_to_stop()
    loop.join(60)

    assert anvil.rpc.fetch_head().number > before.number
    assert loop.problem == ""
    assert anvil.rpc.fetch_head().timestamp >= Timestamp(before.timestamp)

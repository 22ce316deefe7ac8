"""Hearing of new blocks: from a real node as they come, and when to look where none tells."""

import threading

import pytest

from indexer.heads import QUICKEST, SAFETY_SECONDS, LookPace, NewHeads, websocket_url
from wasmarket.chain.development.anvil import Anvil
from wasmarket.kernel.errors import ConfigError

HOSTED = "https://node.example/key"


@pytest.mark.anvil
def test_new_heads__block_is_mined__is_told_and_the_end_noticed():
    told, stop = threading.Event(), threading.Event()
    with Anvil.start() as anvil:
        heads = NewHeads(websocket_url(anvil.rpc.url, ""), told.set)
        thread = threading.Thread(target=heads.step, args=(stop.is_set, lambda: None))
        thread.start()
        assert told.wait(60)
        assert heads.is_live
        told.clear()
        anvil.cheats.mine()
        assert told.wait(60)
        told.clear()
    # The node is gone: somebody is to look.
    assert told.wait(60)
    thread.join(60)

    assert not heads.is_live
    assert not thread.is_alive()


@pytest.mark.anvil
def test_new_heads__nobody_listens__ends_quietly_and_wakes():
    woken = threading.Event()

    NewHeads("ws://127.0.0.1:9", woken.set).step(lambda: False, lambda: None)

    assert woken.is_set()


@pytest.mark.unit
def test_new_heads__http_url__is_refused():
    with pytest.raises(ConfigError, match="WebSocket"):
        NewHeads("http://127.0.0.1:8545", lambda: None)


@pytest.mark.unit
def test_pause__node_on_this_machine__is_a_tenth_of_a_second():
    assert LookPace("http://127.0.0.1:8545", 0.5, lambda: False).pause() == QUICKEST


@pytest.mark.unit
def test_pause__node_tells__looks_rarely():
    assert LookPace("http://127.0.0.1:8545", 0.5, lambda: True).pause() == SAFETY_SECONDS


@pytest.mark.unit
def test_pause__blocks_of_a_rhythm__is_short_when_one_is_due_and_long_again_when_none_comes():
    now = [100.0]
    pace = LookPace(HOSTED, 0.5, lambda: False, lambda: now[0])
    assert pace.pause() == 0.5
    pace.note(7)
    now[0] += 12
    pace.note(8)

    pauses = []
    for passed in (1.0, 10.8, 0.3, 5.0, 20.0):
        now[0] += passed
        pauses.append(pace.pause())

    assert pauses == [0.5, pytest.approx(0.2), QUICKEST, QUICKEST, 0.5]

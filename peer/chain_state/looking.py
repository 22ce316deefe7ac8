"""When a peer looks at the chain: at once when its node tells of a block, else again and again."""

from peer.chain_state.listener import Listener
from wasmarket.chain.reading.heads import SAFETY_SECONDS, NewHeads
from wasmarket.serving.daemon import Pace, ThreadLoop

LONGEST_PAUSE = 5.0
"""Seconds between tries while the chain does not answer."""


def build_looking(listener: Listener, websocket: str, seconds: float) -> tuple[ThreadLoop, ...]:
    """Return the loop that keeps `listener` current, and one that hears of new blocks.

    `websocket`: where the node tells of them; empty: it does not, and the chain is only looked at.
    `seconds` between looks while it does not tell. Raises ConfigError for a URL that is none.
    """

    def wake() -> None:
        looking.wake()

    heads = NewHeads(websocket, wake) if websocket else None

    def pause() -> float:
        return seconds if heads is None or not heads.is_live else max(SAFETY_SECONDS, seconds)

    looking = ThreadLoop(
        "listening", listener.step, Pace(pause, longest_pause=LONGEST_PAUSE), on_end=listener.save
    )
    if heads is None:
        return (looking,)
    hearing = Pace(lambda: heads.pause)
    return looking, ThreadLoop("new_heads", heads.step, hearing, on_end=heads.close)

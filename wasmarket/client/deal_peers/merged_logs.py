"""Bring the log lines of all peers of a deal together, in the order of their time."""

import heapq
import json
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from wasmarket.client.deal_peers.log_lines import read_logs
from wasmarket.client.service import ServiceClient
from wasmarket.kernel.errors import MarketError, NotFound, TimedOut, Unreachable

HOLD_SECONDS: Final = 0.5
"""How long a line that came waits for older ones of slower peers."""
LOOK_SECONDS: Final = 5.0
"""Between looks for peers that came to the deal."""
SILENCE: Final = (Unreachable, TimedOut, NotFound)
"""What a peer that is away, or has left the deal, is known by."""

FindPeers = Callable[[], Collection[int]]
Complain = Callable[[int, MarketError], None]
"""Told of a peer whose lines cannot be had, and why."""
Entry = dict[str, Any]
"""A line: `time` `number` `function` `level` `text`, and whose `peer` it is."""


def read_all_logs(
    gateway: ServiceClient, deal: int, peers: Collection[int], complain: Complain
) -> list[Entry]:
    """Return what the peers of a deal have logged, oldest first.

    Raises what refuses it, and Unreachable or TimedOut if no peer answers.
    """
    entries: list[Entry] = []
    silent: list[MarketError] = []
    for peer in peers:
        try:
            entries += [
                _read(line, peer) for line in read_logs(gateway, deal, follow=False, peer=peer)
            ]
        except SILENCE as error:
            silent.append(error)
            complain(peer, error)
    if silent and len(silent) == len(peers):
        raise silent[0]
    return sorted(entries, key=_place)


def follow_all_logs(
    gateway: ServiceClient, deal: int, find_peers: FindPeers, complain: Complain
) -> Iterator[Entry]:
    """Yield what the peers of a deal have logged and log from now on, also peers that come later.

    Lines are ordered by the chain's time, as far as they come within a moment of one another.
    Raises what refuses them; a peer that is silent is tried again.
    """
    came: queue.Queue[tuple[int, Entry | MarketError]] = queue.Queue()
    followed: set[int] = set()
    waiting: list[tuple[tuple[int, int, int], float, Entry]] = []
    look_at = 0.0
    while True:
        now = time.monotonic()
        if now >= look_at:
            look_at = now + LOOK_SECONDS
            for peer in set(_look(find_peers, followed)) - followed:
                followed.add(peer)
                given = (gateway, deal, peer, came)
                threading.Thread(target=_follow, args=given, daemon=True).start()
        until = waiting[0][1] + HOLD_SECONDS if waiting else look_at
        try:
            peer, item = came.get(timeout=max(0.0, min(until, look_at) - now))
        except queue.Empty:
            pass
        else:
            if isinstance(item, SILENCE):
                followed.discard(peer)
                complain(peer, item)
            elif isinstance(item, MarketError):
                raise item
            else:
                heapq.heappush(waiting, (_place(item), time.monotonic(), item))
        while waiting and waiting[0][1] + HOLD_SECONDS <= time.monotonic():
            yield heapq.heappop(waiting)[2]


def _look(find_peers: FindPeers, known: Collection[int]) -> Collection[int]:
    """Return the peers there are now; while nobody can say, those that are known already."""
    try:
        return find_peers()
    except MarketError:
        if not known:
            raise
        return known


def _follow(
    gateway: ServiceClient,
    deal: int,
    peer: int,
    came: "queue.Queue[tuple[int, Entry | MarketError]]",
) -> None:
    try:
        for line in read_logs(gateway, deal, follow=True, peer=peer):
            came.put((peer, _read(line, peer)))
    except MarketError as error:
        came.put((peer, error))
    except Exception as error:
        # NOTE: a thread that ends unseen would look like a peer that logs nothing.
        came.put((peer, MarketError(f"its lines cannot be read: {error!r}")))


def _read(line: str, peer: int) -> Entry:
    entry: Entry = json.loads(line)
    return entry | {"peer": peer}


def _place(entry: Entry) -> tuple[int, int, int]:
    return int(entry["time"]), int(entry["peer"]), int(entry["number"])

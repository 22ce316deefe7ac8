"""Start many peers at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.peer.peer_runner import PeerRunner


@contextmanager
def started_together(peers: Sequence[PeerRunner]) -> Iterator[None]:
    """Start all of them and wait until each answers; stop those that still run at the end."""
    try:
        for peer in peers:
            peer.begin()
        for peer in peers:
            peer.wait_ready()
        yield
    finally:
        for peer in peers:
            peer.stop()

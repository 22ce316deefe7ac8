"""What the meter's tests share: a market on Anvil, and real peers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peer.conftest import MakePeer, _make_peers
from tests.peer.market_world import MarketWorld


@pytest.fixture(scope="module")
def world() -> Iterator[MarketWorld]:
    market = MarketWorld()
    yield market
    market.close()


@pytest.fixture
def make_peer(world: MarketWorld, tmp_path: Path) -> Iterator[MakePeer]:
    """A function that makes a registered peer; all that run are ended after the test."""
    yield from _make_peers(world, tmp_path)

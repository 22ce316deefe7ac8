"""What the peer's tests share: a market on Anvil and peers that run as processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peer.market_world import MarketWorld
from tests.peer.peer_runner import PeerRunner

MakePeer = Callable[..., PeerRunner]


@pytest.fixture(scope="module")
def world() -> Iterator[MarketWorld]:
    market = MarketWorld()
    yield market
    market.close()


@pytest.fixture
def make_peer(world: MarketWorld, tmp_path: Path) -> Iterator[MakePeer]:
    """A function that makes a registered peer; all that run are ended after the test."""
    yield from _make_peers(world, tmp_path)


@pytest.fixture(scope="module")
def make_module_peer(
    world: MarketWorld, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakePeer]:
    """The same for a whole module."""
    yield from _make_peers(world, tmp_path_factory.mktemp("peers"))


@pytest.fixture(scope="module")
def peer(make_module_peer: MakePeer) -> PeerRunner:
    """One that serves all tests of a module."""
    runner = make_module_peer(units=64)
    runner.start()
    return runner


def _make_peers(world: MarketWorld, folder: Path) -> Iterator[MakePeer]:
    made: list[PeerRunner] = []

    def make(*, units: int = 4, memory_mib: int = 256, **settings: object) -> PeerRunner:
        own = folder / f"peer{len(made)}"
        own.mkdir()
        runner = PeerRunner(world, own, world.next_wallet(), **settings)
        made.append(runner)
        runner.register(units=units, memory_mib=memory_mib)
        return runner

    yield make
    for runner in made:
        runner.stop()
        # pytest shows it when the test failed.
        print(runner.log())

"""Deploy once, fund every role, and start each test from that snapshot.

After every test the chain's own words must add up (`check_conservation`).
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.driver.ape_chain import ApeChain
from tests.contracts.driver.boa_chain import BoaChain
from tests.contracts.driver.court import Court
from tests.contracts.driver.stage import Stage

START = 2_000_000_000


@pytest.fixture(scope="session")
def deployed(accounts: Any, chain: Any, project: Any) -> Stage:
    """Contracts and model with money, once for all tests."""
    stage = Stage(ApeChain(accounts, chain, project, START))
    stage.fund()
    return stage


@pytest.fixture
def world(deployed: Stage) -> Iterator[Stage]:
    """The deployment as each test finds it."""
    stage = deployed.fork()
    stage.chain.travel(START)
    yield stage
    stage.check_conservation()


@pytest.fixture(scope="session")
def court_deployed() -> Court:
    """Contracts and model in this process, with money, once for all tests."""
    court = Court(BoaChain(START))
    court.fund()
    # The words are compared after every call, the views of MarketLens now and then.
    court.chain.peeks, court.views_every = True, max(8, court.usual_views_every)
    return court


@pytest.fixture
def court(court_deployed: Court) -> Iterator[Court]:
    """What a test of evidence and juries finds."""
    court = court_deployed.fork()
    snapshot, now, block = court.chain.snapshot(), court.chain.now, court.chain.block
    yield court
    court.check_conservation()
    court.chain.restore(snapshot)
    court.chain.travel(now, block - court.chain.block)


@pytest.fixture
def owner(world: Stage) -> str:
    """Who deployed Market."""
    return world.roles["owner"]


@pytest.fixture
def developer(world: Stage) -> str:
    """Who pays."""
    return world.roles["developer"]


@pytest.fixture
def provider(world: Stage) -> str:
    """Who owns peers."""
    return world.roles["provider"]


@pytest.fixture
def other_provider(world: Stage) -> str:
    """Who owns other peers."""
    return world.roles["other_provider"]


@pytest.fixture
def wallet(world: Stage) -> str:
    """The hot key of the peers."""
    return world.roles["wallet"]


@pytest.fixture
def matcher(world: Stage) -> str:
    """Who proposes matches."""
    return world.roles["matcher"]


@pytest.fixture
def stranger(world: Stage) -> str:
    """Who has no part in anything."""
    return world.roles["stranger"]


@pytest.fixture
def peer(world: Stage) -> int:
    """A peer of the provider: 4 units in region 0."""
    return world.register()


@pytest.fixture
def other_peer(world: Stage) -> int:
    """A peer of the other provider: 4 units in region 1."""
    return world.register(by="other_provider", region=1)

"""What a game is played on; and lets its reckoning say what is wrong."""

import pytest

pytest.register_assert_rewrite("tests.games.reckoning")

from tests.games.front import serve_front  # noqa: E402
from tests.games.game import GAMES_PARAMETERS  # noqa: E402
from tests.peer.market_world import MarketWorld  # noqa: E402


@pytest.fixture(scope="module")
def front():
    with serve_front() as served:
        yield served


@pytest.fixture
def world():
    market = MarketWorld(GAMES_PARAMETERS)
    yield market
    market.close()

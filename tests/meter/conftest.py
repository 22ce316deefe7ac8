"""What the meter's tests share: a market on Anvil."""

from collections.abc import Iterator

import pytest

from tests.peer.market_world import MarketWorld


@pytest.fixture(scope="module")
def world() -> Iterator[MarketWorld]:
    market = MarketWorld()
    yield market
    market.close()

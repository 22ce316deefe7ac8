"""One running market that the end-to-end tests share; each test makes deals of its own."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.e2e.market_driver import MarketDriver, own_settings
from wasmarket.client.home import Home
from wasmarket_cli.local.plan import PeerPlan, Plan

PEERS = (
    PeerPlan("alpha-1", "alpha", "DE", 40, 2_048, 10_000, "hetzner-fsn1"),
    PeerPlan("alpha-2", "alpha", "FR", 40, 2_048, 12_000, "ovh-gra"),
    PeerPlan("beta-1", "beta", "US", 60, 4_096, 15_000, "equinix-dc2"),
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in own_settings():
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketDriver]:
    driver = MarketDriver(
        Home(tmp_path_factory.mktemp("market")), Plan(peers=PEERS, payments=True), {}
    )
    yield driver
    driver.close()


@pytest.fixture(scope="session")
def deal(market: MarketDriver) -> int:
    """A deal of the greeting on two peers that tests only read and call."""
    return market.deploy(units=2, max_units_per_provider=1, min_regions=2)


@pytest.fixture
def provider(market: MarketDriver) -> str:
    """A provider of its own: a funded account named after nobody."""
    return market.new_account("provider")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Ended with its module: while it lives nothing else of this thread can run an event loop.

    Its driver is imported for those who look, and nobody else.
    """
    chromium_path = str(import_module("tests.e2e.browser").CHROMIUM)
    with import_module("playwright.sync_api").sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path)
        yield chromium
        chromium.close()


@pytest.fixture
def visitor(browser: Any, market: MarketDriver) -> Iterator[Any]:
    """Somebody at a browser of their own, who must meet no error and no dialog."""
    visitor = import_module("tests.e2e.browser").Visitor(browser, market)
    yield visitor
    visitor.close()
    assert visitor.faults == []

"""For tests: an app on the real runtime, a market in memory, a chain for what follows it."""

from wasmarket.testing.fake_market import FakeMarket
from wasmarket.testing.running_app import RunningApp, app

__all__ = ["FakeMarket", "RunningApp", "app"]

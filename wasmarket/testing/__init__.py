"""Fakes for tests: a market in memory for programs that use one, a chain for what follows it."""

from wasmarket.testing.fake_market import FakeMarket

__all__ = ["FakeMarket"]

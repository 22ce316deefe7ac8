"""Purchases in real processes that are killed, by every kind of card, on a chain that is undone."""

import pytest

from bench.payments.buyers import Buyers
from bench.payments.town import PaymentsTown

pytestmark = pytest.mark.e2e

CHECKOUTS, ODD_PERCENT, SEED, BREAKS = 12, 50, 2, 3


def test_purchases__gateway_killed_and_blocks_undone__lose_and_double_nothing(tmp_path):
    town = PaymentsTown(tmp_path / "home", block_time=0.3, quote_seconds=5, seed=SEED)
    try:
        report = Buyers(town, CHECKOUTS, ODD_PERCENT, SEED).buy_all((0.1, 0.4), BREAKS)
    finally:
        town.close()

    assert report.is_right, report
    assert report.states["delivered"] >= CHECKOUTS // 3, report
    assert report.kills > 0

"""An expected load is priced by the epoch and by work, and both are told side by side."""

import pytest

from wasmarket.client.usage.loads import Load, compare

pytestmark = pytest.mark.unit

MILLIONS = Load(2_000_000, 5_000, 1_000)


def curve(*points):
    return [{"units": units, "total": str(total), "price_max": "0"} for units, total in points]


def test_load__work__counts_call_fuel_and_bytes():
    assert MILLIONS.work == 2_000_000 * (1_000_000 + 5_000_000 + 16_000)
    assert str(MILLIONS) == "2,000,000 calls a month of 5 ms"


def test_compare__both_on_offer__are_priced_for_thirty_days():
    found = compare(MILLIONS, 1, 86_400, curve((1, 330_000)), curve((1, 282_580)))

    assert found.reserved == 9_900_000
    assert found.metered == 3_400_003  # 12.032 x 10^12 work, rounded up


def test_compare__more_units__spread_the_same_calls_over_dearer_ones():
    found = compare(MILLIONS, 2, 86_400, curve((1, 100), (2, 300)), curve((1, 100), (2, 300)))

    assert found.reserved == 300 * 30
    assert found.metered == -(-MILLIONS.work * 300 // (2 * 10**12))


def test_compare__point_between_two_offers__costs_its_part():
    found = compare(MILLIONS, 3, 86_400, curve((2, 20), (4, 80)), [])

    assert found.reserved == 50 * 30
    assert found.metered is None


def test_compare__too_few_units__is_no_price():
    found = compare(MILLIONS, 5, 86_400, curve((4, 10)), curve((4, 10)))

    assert (found.reserved, found.metered) == (None, None)

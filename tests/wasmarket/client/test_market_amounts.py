"""Amounts that programs give: exact, with their unit, or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.client.market.amounts import (
    FLT_DECIMALS,
    BaseUnits,
    read_flt,
    read_usdc,
    to_decimal,
)
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit

AMOUNTS = st.integers(0, 2**128 - 1)


@given(AMOUNTS)
def test_read_usdc__every_way_to_write_an_amount__gives_the_same(amount):
    tokens = to_decimal(amount)

    assert read_usdc(tokens) == read_usdc(BaseUnits(amount)) == amount
    assert read_usdc(f"{tokens:f}") == read_usdc(f"{tokens:f} usdc") == amount


@given(AMOUNTS)
def test_read_flt__eighteen_decimals__are_exact(amount):
    assert read_flt(to_decimal(amount, FLT_DECIMALS)) == amount


@pytest.mark.parametrize(
    "value",
    [
        *(5, True, 0.33, None, b"1"),
        *("", "-1", "+1", "1e3", "1,5", "0.33 FLT", "0.0000001", ".5", "٣", "1 USDC USDC"),
        *(Decimal("0.0000001"), Decimal("NaN"), Decimal("Infinity"), Decimal(-1)),
        *(Decimal("1E+60"), Decimal("1E-999999"), BaseUnits(-1), BaseUnits(2**128), "9" * 41),
    ],
)
def test_read_usdc__unclear_or_impossible__is_refused_with_its_field(value):
    with pytest.raises(InvalidInput) as refused:
        read_usdc(value, "deposit")

    assert refused.value.field == "deposit"

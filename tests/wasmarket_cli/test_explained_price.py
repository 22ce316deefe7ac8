"""`wasmarket explain` says in one line how far a price is from a match."""

import pytest

from wasmarket_cli.developer.deals import _describe_distance

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("any_units", "all_units", "told"),
    [
        (None, None, "no price fills it, with all else equal"),
        ("0", "0", "the price is high enough for all of them"),
        ("6000", "6000", "0.006000 USDC more per unit gives all"),
        (
            "1",
            "6000",
            "0.000001 USDC more per unit gives the first units,"
            " 0.006000 USDC more per unit gives all",
        ),
        ("0", "6000", "0.006000 USDC more per unit gives all"),
        ("0", None, "no price gives all, with all else equal"),
        (
            "5",
            None,
            "0.000005 USDC more per unit gives the first units,"
            " no price gives all, with all else equal",
        ),
    ],
)
def test_explain__distance__is_told_in_a_line(any_units, all_units, told):
    assert _describe_distance({"any": any_units, "all": all_units}) == told

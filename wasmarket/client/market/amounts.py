"""Amounts as programs give them, read exactly into base units."""

import re
from decimal import Decimal, InvalidOperation, localcontext
from typing import Final

from wasmarket.kernel.errors import InvalidInput

USDC_DECIMALS: Final = 6
FLT_DECIMALS: Final = 18
DIGITS: Final = 60
"""More than any uint128 has: no amount is rounded while it is read."""

_TEXT = re.compile(r"([0-9]{1,40}(?:\.[0-9]{1,18})?)(?:\s*([A-Za-z]{1,10}))?", re.ASCII)


class BaseUnits(int):
    """An amount in a token's smallest units: `BaseUnits(330_000)` is 0.33 USDC."""


Amountlike = Decimal | str | BaseUnits
"""`Decimal("0.33")`, `"0.33"`, `"0.33 USDC"` or `BaseUnits(330_000)`."""


def read_usdc(value: Amountlike, field: str = "amount") -> int:
    """Return USDC base units. Raises InvalidInput, which says what would be right."""
    return _read(value, "USDC", USDC_DECIMALS, field)


def read_flt(value: Amountlike, field: str = "amount") -> int:
    """Return FLT base units. Raises InvalidInput, which says what would be right."""
    return _read(value, "FLT", FLT_DECIMALS, field)


def to_decimal(amount: int, decimals: int = USDC_DECIMALS) -> Decimal:
    """Return base units as an exact number of tokens."""
    with localcontext(prec=DIGITS):
        return Decimal(amount).scaleb(-decimals)


def _read(value: Amountlike, symbol: str, decimals: int, field: str) -> int:
    right = f'Decimal("0.33"), "0.33 {symbol}" or wasmarket.BaseUnits(330000)'
    if isinstance(value, BaseUnits):
        amount = Decimal(int(value))
    elif isinstance(value, Decimal):
        amount = _scale(value, decimals, field, right)
    elif isinstance(value, str):
        amount = _scale(_parse(value, symbol, field, right), decimals, field, right)
    else:
        raise InvalidInput(
            f"{value!r} ({type(value).__name__}) does not say in which unit it is",
            field=field,
            remedy=f"give {right}",
        )
    if not 0 <= amount < 2**128:
        raise InvalidInput(f"{value} is not an amount of {symbol}", field=field)
    return int(amount)


def _parse(text: str, symbol: str, field: str, right: str) -> Decimal:
    found = _TEXT.fullmatch(text.strip())
    if found is None or (found[2] or symbol).upper() != symbol:
        raise InvalidInput(
            f"{text!r} is not an amount of {symbol}", field=field, remedy=f"give {right}"
        )
    return Decimal(found[1])


def _scale(value: Decimal, decimals: int, field: str, right: str) -> Decimal:
    try:
        with localcontext(prec=DIGITS):
            scaled = value.scaleb(decimals)
            if value.is_finite() and scaled == scaled.to_integral_value():
                return scaled
    except InvalidOperation:
        pass
    raise InvalidInput(
        f"{value} has more than {decimals} decimals, or is no number",
        field=field,
        remedy=f"give {right}",
    )

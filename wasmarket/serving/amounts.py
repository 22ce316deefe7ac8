"""JSON forms of numbers that JSON numbers cannot hold."""

from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.offers import parse_uint

WANTED = 'give a whole number from 0 to 2^256 - 1 as a decimal string such as "1000000"'
EXACT_BELOW = 2**53
"""Up to here a JSON number such as 479.0, which is whole, is also exact."""


def _parse(value: object) -> int:
    if isinstance(value, float) and value.is_integer() and 0 <= value < EXACT_BELOW:
        value = int(value)
    try:
        return parse_uint(value, field="amount")
    except InvalidInput as error:
        # Pydantic knows which member it is of.
        raise PydanticCustomError("uint256", WANTED) from error


_DECIMAL = {
    "type": "string",
    "format": "uint256",
    "pattern": "^[0-9]{1,78}$",
    "examples": ["1000000"],
}

UINT_SCHEMA = {"anyOf": [_DECIMAL, {"type": "integer", "minimum": 0}]}

Uint = Annotated[
    int,
    BeforeValidator(_parse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(_DECIMAL, mode="serialization"),
    WithJsonSchema(UINT_SCHEMA, mode="validation"),
]
"""A uint256: money, masks, salts. Written as a decimal string; a whole number is read too."""

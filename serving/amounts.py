"""JSON forms of numbers that JSON numbers cannot hold."""

from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from kernel.offers import parse_uint


def _parse(value: object) -> int:
    return parse_uint(value, field="amount")


Uint = Annotated[
    int,
    BeforeValidator(_parse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,78}$", "examples": ["1000000"]}),
]
"""A uint256 as a decimal string: money, masks, salts."""

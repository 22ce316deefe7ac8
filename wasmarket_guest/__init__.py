"""Write functions for Wasmarket in Python.

A module of annotated functions is an app: every public function of it can be called, its types
become those of the component. `wasmarket build` does the rest.

    from dataclasses import dataclass
    from wasmarket_guest import Failure, Result, kv, u32

    @dataclass
    class Item:
        name: str
        price_cents: u32

    def total(items: list[Item]) -> Result[u32]:
        if not items:
            raise Failure("nothing was bought")
        return sum(item.price_cents for item in items)

This package is pure Python and needs nothing else. Outside of a component its types work as they
are, and the effectors say that they are not there.
"""

from wasmarket_guest import call, http, ipfs, kv, log, secret
from wasmarket_guest.kinds import (
    Failure,
    Result,
    f32,
    f64,
    s8,
    s16,
    s32,
    s64,
    u8,
    u16,
    u32,
    u64,
)
from wasmarket_guest.messages import SiteRequest, SiteResponse
from wasmarket_guest.reach import EffectorError

__all__ = [
    "EffectorError",
    "Failure",
    "Result",
    "SiteRequest",
    "SiteResponse",
    "call",
    "f32",
    "f64",
    "http",
    "ipfs",
    "kv",
    "log",
    "s8",
    "s16",
    "s32",
    "s64",
    "secret",
    "u8",
    "u16",
    "u32",
    "u64",
]

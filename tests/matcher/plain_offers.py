"""Offers as matcher tests make them: everything unusual is named by the test."""

from typing import Any

from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer
from wasmarket.kernel.units import Address

FOREVER = 2**40


def make_ask(peer: int, price: int, **members: Any) -> ProviderOffer:
    """Return an offer of a peer's units for time, to everybody and for ever."""
    terms: dict[str, Any] = {
        "kind": 0,
        "developer": ZERO_ADDRESS,
        "valid_until": FOREVER,
        "counter": 0,
        "salt": 0,
    }
    return ProviderOffer(peer=peer, price=price, **(terms | members))


def make_bid(developer: Address, /, **members: Any) -> DeveloperOffer:
    """Return a wish for two units, wherever they are, or one."""
    terms: dict[str, Any] = {
        "developer": developer,
        "app": "0x" + "ab" * 32,
        "min_units": 1,
        "units": 2,
        "max_units_per_provider": 0,
        "min_regions": 0,
        "meter": ZERO_ADDRESS,
        "max_price": 100,
        "epochs": 0,
        "deposit": 1_000,
        "min_memory_mib": 0,
        "regions": 0,
        "traits": 0,
        "providers": (),
        "providers_mode": 0,
        "matcher": ZERO_ADDRESS,
        "tip": 0,
        "valid_until": FOREVER,
        "counter": 0,
        "salt": 0,
    }
    return DeveloperOffer(**(terms | members))

"""Read wishes as people write them: `[wish]` of an `app.toml`, and the values of options."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypedDict

from wasmarket.app.app_toml import read_app_toml
from wasmarket.client.market.amounts import Amountlike, BaseUnits, read_usdc
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.selection.sites import parse_site_id
from wasmarket.kernel.selection.values import ANY
from wasmarket.kernel.selection.wishes import PPM, Wish, parse_wish
from wasmarket.kernel.units import format_usdc

FILE_NAME: Final = "app.toml"
_PERCENT: Final = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?\s*%")
_NAMES: Final = {
    "min_uptime": "min_uptime_ppm",
    "latency_by": "gateway",
    "budget": "budget_per_month",
    "providers": "provider_weights",
}
"""What members of a wish are called where people write them."""


class WishKeywords(TypedDict, total=False):
    """A wish as programs give it: percents as "99.5%", `budget` USDC that all units may cost in 30
    days, `data_centers` any of these, `claims` all of these. `providers`: for what a provider's
    prices count where providers are compared."""

    min_uptime: str
    max_evictions: int
    min_age_epochs: int
    max_latency_ms: int
    latency_by: str
    budget: Amountlike
    min_speed: int
    data_centers: Sequence[str]
    claims: Sequence[str]
    providers: Mapping[str, str]


MEMBERS: Final = tuple(WishKeywords.__annotations__)


def load_wish(path: Path) -> Mapping[str, Any]:
    """Return the table `[wish]` of `path` (an `app.toml` or its folder). Raises InvalidInput."""
    file = path / FILE_NAME if path.is_dir() else path
    found = read_app_toml(file).get("wish", {})
    if not isinstance(found, Mapping):
        raise InvalidInput("wish is not a table", field="wish", remedy="write [wish]")
    return found


def read_wish(given: Mapping[str, Any]) -> Wish:
    """Read a wish as people write it; None stands for what is not given.

    `min_uptime` and the values of `providers` are percents ("99.5%"), `budget` USDC a month ("20").
    Raises InvalidInput that names the member.
    """
    members: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or (isinstance(value, tuple | list | dict) and not value):
            continue
        if name not in MEMBERS:
            raise InvalidInput(
                f"a wish has no {name!r:.80}",
                field=f"wish.{name}"[:80],
                remedy=f"it has {', '.join(MEMBERS)}",
            )
        members[_NAMES.get(name, name)] = _read_member(name, value)
    return parse_wish(members)


def parse_percent(text: object, *, field: str) -> int:
    """Return parts per million of a percent such as "99.5%". Raises InvalidInput."""
    found = _PERCENT.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise InvalidInput(
            f"{field} is no percent with at most four decimals",
            field=field,
            remedy='write it as "99.5%"',
        )
    return int(found[1]) * PPM // 100 + int((found[2] or "").ljust(4, "0"))


def describe_wish(wish: Wish) -> str:
    """Say in words what a wish asks for; empty for nothing."""
    parts = []
    if wish.data_centers:
        parts.append(f"in {' or '.join(wish.data_centers)}")
    if wish.min_uptime_ppm:
        parts.append(f"uptime at least {_percent(wish.min_uptime_ppm)}")
    if wish.max_evictions != ANY:
        parts.append(f"at most {wish.max_evictions} evictions")
    if wish.min_age_epochs:
        parts.append(f"registered for at least {wish.min_age_epochs} epochs")
    if wish.max_latency_ms:
        parts.append(f"at most {wish.max_latency_ms} ms by {wish.gateway}, where measured")
    if wish.min_speed:
        parts.append(f"speed at least {wish.min_speed}")
    if wish.claims:
        parts.append(f"claiming {' and '.join(wish.claims)}")
    if wish.budget_per_month:
        parts.append(f"for at most {format_usdc(wish.budget_per_month)} USDC in 30 days")
    for provider, weight in wish.provider_weights:
        parts.append(f"prices of {provider} count for {_percent(weight)}")
    return ", ".join(parts)


def _read_member(name: str, value: Any) -> Any:
    field = f"wish.{name}"
    if name == "min_uptime":
        return parse_percent(value, field=field)
    if name == "budget":
        # A whole number in a file is one of USDC; programs and options give amounts.
        plain = isinstance(value, int) and not isinstance(value, BaseUnits)
        return read_usdc(str(value) if plain else value, field)
    if name == "providers":
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{field} is no table of providers", field=field)
        return {who: parse_percent(weight, field=field) for who, weight in value.items()}
    if name == "data_centers" and isinstance(value, list | tuple):
        return sorted(parse_site_id(str(entry), field=field) for entry in value)
    if name == "latency_by" and isinstance(value, str):
        return value.rstrip("/")
    return sorted(value) if name == "claims" and isinstance(value, list | tuple) else value


def _percent(ppm: int) -> str:
    whole, part = divmod(ppm, PPM // 100)
    return f"{whole}.{part:04}".rstrip("0").rstrip(".") + " %"

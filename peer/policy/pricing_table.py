"""Read the table `[offers]` of a policy file."""

import re
from collections.abc import Callable
from typing import Any

from peer.policy.pricing import DAY, Pricing, Window
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.documents.json_fields import JsonFields
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.regions import region_code, region_index
from wasmarket.kernel.traits import trait_mask, traits_of
from wasmarket.kernel.units import USDC, Address

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WITHDRAW = ("matcher", "chain")
MAX_PRICE = 2**48 - 1
"""What an assignment's record holds (CONTRACTS section 6, reason 2)."""

MAX_WINDOWS = 64
MAX_DEVELOPERS = 64
MAX_MATCHERS = 16
LEAST_VALID_SECONDS = 60
MOST_VALID_SECONDS = 366 * DAY

_URL = re.compile(r"https?://[!-~]{1,500}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_PRICE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?")


def parse_pricing(document: object) -> Pricing:
    """Read the table. Raises InvalidInput that names the key."""
    fields = JsonFields(document, "offers")
    work = fields.take("work_price", None)
    pricing = Pricing(
        price=parse_price(fields.take("price"), "offers.price", 1),
        work_price=None if work is None else parse_price(work, "offers.work_price", 1),
        traits=_surcharges(fields, "traits", _trait),
        regions=_surcharges(fields, "regions", _region),
        developers=_private(fields),
        schedule=tuple(
            _window(JsonFields(entry, f"offers.schedule[{index}]"))
            for index, entry in enumerate(fields.items("schedule", 0, MAX_WINDOWS, []))
        ),
        valid_seconds=fields.integer("valid_seconds", LEAST_VALID_SECONDS, MOST_VALID_SECONDS, DAY),
        withdraw=fields.choice("withdraw", WITHDRAW, "matcher"),
        matchers=_matchers(fields),
    )
    fields.finish()
    return pricing


def parse_price(value: Any, path: str, least: int) -> int:
    """Read a decimal USDC number in quotes, exactly: a number without quotes is a float.

    Raises InvalidInput.
    """
    found = _PRICE.fullmatch(value) if isinstance(value, str) else None
    price = int(found[1]) * USDC + int((found[2] or "").ljust(6, "0")) if found else -1
    if not least <= price <= MAX_PRICE:
        raise InvalidInput(
            f"{path} is {value!r:.80}, not a price in USDC",
            field=path,
            remedy='write it in quotes with at most 6 decimals, e.g. "0.012"',
        )
    return price


def _surcharges(fields: JsonFields, name: str, read: Callable[[str, str], str]) -> dict[str, int]:
    table = fields.take(name, {})
    path = fields.path(name)
    JsonFields(table, path)
    return {read(key, path): parse_price(value, f"{path}.{key}", 0) for key, value in table.items()}


def _trait(name: str, path: str) -> str:
    return traits_of(trait_mask([name], field=path))[0]


def _region(name: str, path: str) -> str:
    return region_code(region_index(name, field=path))


def _private(fields: JsonFields) -> dict[Address, int]:
    table = fields.take("developers", {})
    path = fields.path("developers")
    JsonFields(table, path)
    if len(table) > MAX_DEVELOPERS:
        raise InvalidInput(f"{path} has more than {MAX_DEVELOPERS} entries", field=path)
    return {
        parse_address(key, field=path): parse_price(value, f"{path}.{key}", 1)
        for key, value in table.items()
    }


def _window(fields: JsonFields) -> Window:
    names = fields.items("days", 1, len(DAYS), list(DAYS))
    for name in names:
        if name not in DAYS:
            raise InvalidInput(
                f"{fields.path('days')} has {name!r:.80}",
                field=fields.path("days"),
                remedy=f"choose from {', '.join(DAYS)}",
            )
    price = fields.take("price", None)
    window = Window(
        days=tuple(sorted({DAYS.index(name) for name in names})),
        start=_second(fields, "from", "00:00"),
        end=_second(fields, "to", "24:00"),
        price=None if price is None else parse_price(price, fields.path("price"), 1),
    )
    fields.finish()
    return window


def _second(fields: JsonFields, name: str, default: str) -> int:
    text = fields.text(name, _TIME, "a time such as 08:30, in UTC", default)
    hours, _, minutes = text.partition(":")
    return int(hours) * 3_600 + int(minutes) * 60


def _matchers(fields: JsonFields) -> tuple[str, ...]:
    path = fields.path("matchers")
    urls = fields.items("matchers", 0, MAX_MATCHERS, [])
    for url in urls:
        if not isinstance(url, str) or not _URL.fullmatch(url):
            raise InvalidInput(f"{path} has {url!r:.80}", field=path, remedy="give URLs")
    return tuple(dict.fromkeys(url.rstrip("/") for url in urls))

"""What a whole token costs in each currency, from the source that the operator chose."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from payments.settings import PaymentsSettings
from wasmarket.kernel.documents.json_text import read_json
from wasmarket.kernel.errors import ConfigError, InvalidInput, Unreachable

NANO = 10**9
"""Rates are whole numbers: billionths of a currency's unit per whole token."""
TOKENS = ("usdc", "flt")
FIXED = "fixed"
CACHE_SECONDS = 15.0
"""A document is not asked for again within."""
MAX_DOCUMENT = 64 * 1024

_RATE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?")

Prices = Mapping[tuple[str, str], int]
"""By (token, currency)."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices and when they held (wall-clock seconds)."""

    prices: Prices
    at: int

    def find(self, token: str, currency: str) -> int:
        """Return a price. Raises InvalidInput for what is not sold."""
        rate = self.prices.get((token, currency))
        if rate is None:
            raise InvalidInput(
                f"{token.upper()} is not sold for {currency:.10}",
                field="currency",
                remedy="see /v1/terms for what is",
            )
        return rate


class RateSource(Protocol):
    """Knows the rates."""

    def fetch(self, now: int) -> Rates:
        """Return the rates of now. Raises Unreachable when there are none that are fresh."""


def parse_rate(text: object, field: str) -> int:
    """Read a price such as "1.0004" exactly, as billionths. Raises InvalidInput."""
    found = _RATE.fullmatch(text) if isinstance(text, str) else None
    rate = int(found[1]) * NANO + int((found[2] or "").ljust(9, "0")) if found else 0
    if rate == 0:
        raise InvalidInput(
            f"{field}: {text!r} is not a price",
            field=field,
            remedy='give a decimal text above 0 with at most 9 decimals, such as "1.0004"',
        )
    return rate


class FixedRates:
    """The operator's own prices."""

    def __init__(self, settings: PaymentsSettings) -> None:
        """Raises ConfigError."""
        self._prices: dict[tuple[str, str], int] = {}
        for token in TOKENS:
            for currency in ("usd", "eur"):
                text = getattr(settings, f"{token}_{currency}")
                if text and currency in settings.currencies:
                    try:
                        rate = parse_rate(text, f"payments.{token}_{currency}")
                    except InvalidInput as error:
                        raise ConfigError(error.detail, field=error.field) from error
                    self._prices[token, currency] = rate
        if not self._prices:
            raise ConfigError(
                "no token is sold for any currency",
                field="payments.usdc_usd",
                remedy='set a price such as usdc_usd = "1", or [payments] rates',
            )

    def fetch(self, now: int) -> Rates:
        """Return them; they always hold."""
        return Rates(self._prices, now)


class DocumentRates:
    """A JSON document: `{"at": <unix seconds>, "usdc": {"usd": "1.0001"}, "flt": {…}}`."""

    def __init__(
        self,
        place: str,
        max_age: int,
        http: httpx.Client,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`place`: a URL or a file. `max_age`: seconds for which rates hold."""
        self._place = place
        self._max_age = max_age
        self._http = http
        self._clock = clock
        self._known: Rates | None = None
        self._asked_at: float | None = None
        self._problem = ""
        self._lock = threading.Lock()

    def fetch(self, now: int) -> Rates:
        """Return the newest known rates. Raises Unreachable when those are too old."""
        with self._lock:
            if self._asked_at is None or self._clock() - self._asked_at >= CACHE_SECONDS:
                self._asked_at = self._clock()
                try:
                    self._known, self._problem = parse_rates(self._read()), ""
                except (OSError, httpx.HTTPError, InvalidInput) as error:
                    self._problem = str(error)
            known = self._known
        if known is None or not now - self._max_age <= known.at <= now + self._max_age:
            why = self._problem or "they are not of now"
            raise Unreachable(
                f"there are no fresh rates: {why}",
                field="payments.rates",
                remedy=f"nothing is sold until {self._place} tells rates of now",
            )
        return known

    def _read(self) -> bytes:
        if not self._place.startswith(("http://", "https://")):
            return Path(self._place).expanduser().read_bytes()
        answer = self._http.get(self._place)
        answer.raise_for_status()
        if len(answer.content) > MAX_DOCUMENT:
            raise InvalidInput(f"the document of rates has more than {MAX_DOCUMENT} bytes")
        return answer.content


def parse_rates(document: bytes) -> Rates:
    """Read a document of rates. Raises InvalidInput."""
    data: Any = read_json(document)
    at = data.get("at") if isinstance(data, dict) else None
    if not isinstance(at, int) or isinstance(at, bool) or not 0 < at < 2**63:
        raise InvalidInput('the document of rates has no time "at"', field="at")
    prices: dict[tuple[str, str], int] = {}
    for token in TOKENS:
        named = data.get(token, {})
        if not isinstance(named, dict):
            raise InvalidInput(f"{token} is not an object", field=token)
        for currency, text in named.items():
            prices[token, str(currency)] = parse_rate(text, f"{token}.{currency}")
    return Rates(prices, at)


def build_rates(settings: PaymentsSettings, http: httpx.Client) -> RateSource:
    """Return the source that the settings name. Raises ConfigError."""
    if settings.rates == FIXED:
        return FixedRates(settings)
    return DocumentRates(settings.rates, settings.rate_max_age_seconds, http)

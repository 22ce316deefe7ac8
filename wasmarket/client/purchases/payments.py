"""What a buyer does at a payment gateway: open a checkout, follow it, see receipts."""

import time
from collections.abc import Iterator
from typing import Any

from wasmarket.client.service import ServiceClient, request_signer
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import InvalidInput, TimedOut
from wasmarket.kernel.units import Address

POLL_SECONDS = 0.3
OVER = frozenset({"delivered", "expired", "refunded", "lost"})
"""States in which nothing more happens by itself."""
NANO, MINOR_UNITS, BPS = 10**9, 100, 10_000


class PaymentsClient:
    """A gateway at `[client] payments`, for one account."""

    def __init__(self, wiring: Wiring, key: str | None = None) -> None:
        """`key` names the account in keys/."""
        self._wiring = wiring
        self._key = key
        self.service = ServiceClient("payments", wiring.client.payments, wiring.http, self._sign)

    @property
    def address(self) -> Address:
        """The account."""
        return self._wiring.address(self._key)

    def open(self, amount: int, currency: str, purpose: dict[str, Any]) -> dict[str, Any]:
        """Open a checkout over minor units; return it with its page."""
        body = {"amount": str(amount), "currency": currency, "purpose": purpose}
        return dict(self.service.post("/v1/checkouts", body))

    def read(self, checkout: str) -> dict[str, Any]:
        """Return a checkout as it is now."""
        return dict(self.service.get(f"/v1/checkouts/{checkout}"))

    def follow(self, checkout: str, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield a checkout each time its state changes, until it is over.

        Raises TimedOut: the purchase goes on without us.
        """
        until, last = time.monotonic() + seconds, ""
        while True:
            found = self.read(checkout)
            if found["state"] != last:
                last = found["state"]
                yield found
            if last in OVER:
                return
            if time.monotonic() > until:
                raise TimedOut(
                    f"checkout {checkout} is {last} after {seconds:.0f} s",
                    remedy=f"it goes on without this command: {found['page']}",
                )
            time.sleep(POLL_SECONDS)

    def terms(self) -> dict[str, Any]:
        """Return rates, fees and limits."""
        return dict(self.service.get("/v1/terms"))

    def amount_for(self, tokens: int, currency: str) -> int:
        """Return the minor units that buy at least so many base units of USDC.

        Raises InvalidInput where USDC is not sold for that currency.
        """
        terms = self.terms()
        rate = self._find_rate(terms, currency)
        # Rounded up at each step: the gateway rounds the fee up and the tokens down.
        net = -(-tokens * MINOR_UNITS * rate // (10**6 * NANO)) + 1
        gross = -(-(net + int(terms["fee_fixed"])) * BPS // (BPS - int(terms["fee_bps"]))) + 1
        return max(gross, int(terms["min_amount"]))

    def amount_within(self, tokens: int, currency: str) -> int:
        """Return the most minor units that buy no more than so many base units of USDC.

        Raises InvalidInput as `amount_for`, and if the gateway sells no less than more.
        """
        terms = self.terms()
        rate = self._find_rate(terms, currency)
        # Rounded down at each step: what is bought is never above `tokens`.
        net = tokens * MINOR_UNITS * rate // (10**6 * NANO)
        amount = (net + int(terms["fee_fixed"])) * BPS // (BPS - int(terms["fee_bps"]))
        least = int(terms["min_amount"])
        if amount < least:
            raise InvalidInput(
                f"the gateway sells no less than {least / MINOR_UNITS:.2f} {currency.upper()}",
                field="amount",
            )
        return min(amount, int(terms["max_amount"]))

    def missing_for(self, cost: int) -> int:
        """Return the USDC base units that the account lacks, in Market and wallet, for a cost."""
        free = self._wiring.market.account(self.address).free
        return max(0, cost - free - self._wiring.usdc.balance(self.address))

    def history(self) -> list[dict[str, Any]]:
        """Return the account's purchases, newest first."""
        path, found, cursor = f"/v1/accounts/{self.address}/checkouts", [], None
        while True:
            page = self.service.get(path, {"cursor": cursor}, signed=True)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    def receipt(self, checkout: str, form: str = "html") -> bytes:
        """Return the receipt of a purchase, as a page (`html`) or a document (`pdf`)."""
        path = f"/v1/checkouts/{checkout}/receipt"
        return self.service.send("GET", path, params={"format": form}, signed=True).content

    def save_card(
        self, amount: int, currency: str, purpose: dict[str, Any], most: int
    ) -> dict[str, Any]:
        """Open a checkout whose card may be charged later, `most` minor units in a month."""
        body = {"amount": str(amount), "currency": currency, "purpose": purpose}
        return self._post_signed("card", body | {"most_per_month": str(most)})

    def card(self) -> dict[str, Any]:
        """Return the account's saved card. Raises NotFound."""
        return dict(self.service.get(f"/v1/accounts/{self.address}/card", signed=True))

    def cancel_card(self) -> dict[str, Any]:
        """Let the account's card be charged no more; return it. Raises NotFound."""
        path = f"/v1/accounts/{self.address}/card"
        return dict(self.service.send("DELETE", path, signed=True).json())

    def charge(self, deal: int, amount: int, currency: str, key: str) -> dict[str, Any]:
        """Have the saved card charged minor units for a deal, once a key; return the checkout."""
        body = {"deal": deal, "amount": str(amount), "currency": currency, "key": key}
        return self._post_signed("charges", body)

    def read_charge(self, key: str) -> dict[str, Any]:
        """Return the checkout that was charged under a key. Raises NotFound."""
        path = f"/v1/accounts/{self.address}/charges/{key}"
        return dict(self.service.get(path, signed=True))

    def _post_signed(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        path = f"/v1/accounts/{self.address}/{what}"
        return dict(self.service.send("POST", path, value=body, signed=True).json())

    def _find_rate(self, terms: dict[str, Any], currency: str) -> int:
        rate = int(terms["rates"].get(f"usdc_{currency}", 0))
        if not rate:
            raise InvalidInput(
                f"USDC is not sold for {currency} there",
                field="currency",
                remedy=f"use one of {', '.join(terms['currencies'])}",
            )
        return rate

    def grant(self) -> dict[str, Any]:
        """Ask for coins for gas, once an account; return how far they are."""
        return dict(self.service.send("POST", "/v1/grants", signed=True).json())

    def _sign(self, method: str, target: str, body: bytes) -> str:
        wiring = self._wiring
        account = wiring.account(self._key)
        return request_signer(wiring.domain, account.key, wiring.clock.refresh)(
            method, target, body
        )

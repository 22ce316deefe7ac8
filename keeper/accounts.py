"""The accounts that a keeper acts for, by the clients that people use."""

from collections.abc import Iterable, Iterator, Sequence

import httpx

from keeper.duties.alarms import WatchedPeer
from wasmarket.chain.contracts.views import OnchainDeal
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.earnings import ClaimResult, Due, batches
from wasmarket.client.provider import ProviderClient
from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.endpoints import parse_endpoint
from wasmarket.kernel.errors import MarketError

PAGE = 1_000
READY = "/v1/health/ready"
MOST_REASON = 300
FINAL = ("ended", "unknown")


class DeveloperAccount:
    """A developer's deals and money."""

    def __init__(self, wiring: Wiring, key: str) -> None:
        """`key` names the account in keys/; empty: the only one."""
        self._wiring = wiring
        self._key = key or None
        self._client = DeveloperClient(wiring, self._key)

    def deals(self) -> dict[int, bool]:
        """Return the account's deals that are not over, and whether each is metered."""
        asked = {"developer": self._client.address, "live": "true", "limit": PAGE}
        rows = self._client.matcher.items("/v1/deals", asked)
        return {
            int(row["id"]): row["meter"] not in (None, ZERO_ADDRESS)
            for row in rows
            if row["status"] not in FINAL
        }

    def read(self, deals: Sequence[int]) -> list[OnchainDeal]:
        """Return what the chain says of deals, settled."""
        return [state for ids in batches(deals) for state in self._wiring.lens.deals(ids)]

    def available(self, source: str) -> int:
        """Return the USDC base units that `free` or `wallet` holds."""
        if source == "free":
            return self._wiring.market.account(self._client.address).free
        return self._wiring.usdc.balance(self._client.address)

    def is_busy(self) -> bool:
        """Say whether a transaction of the account waits to be mined."""
        rpc, address = self._wiring.rpc, self._client.address
        return rpc.fetch_nonce(address, "pending") > rpc.fetch_nonce(address)

    def top_up(self, deal: int, amount: int) -> None:
        """Put USDC into a deal, from the free balance first, then from the wallet."""
        self._client.top_up(deal, amount)

    def open_checkout(self, deal: int, amount: int) -> str:
        """Open a purchase by card that tops up a deal; return the page to pay at."""
        payments = PaymentsClient(self._wiring, self._key)
        minor = payments.amount_for(amount, "usd")
        return str(payments.open(minor, "usd", {"top_up": deal})["page"])


class ProviderAccount:
    """A provider's earnings and peers."""

    def __init__(self, wiring: Wiring, key: str, http: httpx.Client) -> None:
        """`http` asks peers at the endpoints that the chain names."""
        self._wiring = wiring
        self._client = ProviderClient(wiring, key or None)
        self._http = http

    def find_due(self) -> Iterable[Due]:
        """Yield what its assignments would pay now."""
        return self._client.find_due()

    def claim(self, assignments: Sequence[int], *, withdraw: bool) -> ClaimResult:
        """Claim them."""
        return self._client.claim(assignments, withdraw=withdraw)

    def own_gas(self) -> int:
        """Return the wei of the provider's account."""
        return self._wiring.rpc.fetch_balance(self._client.address)

    def look(self) -> list[WatchedPeer]:
        """Return all peers with units."""
        matcher, address = self._client.matcher, self._client.address
        wiring = self._wiring
        epoch = wiring.deployment.epoch_of(wiring.clock.refresh())
        # The last epoch that nobody can commit any more.
        due = epoch - wiring.deployment.parameters.proof_window - 1
        offers = matcher.items("/v1/provider-offers", {"provider": address, "limit": PAGE})
        asks: dict[int, int] = {}
        for row in offers:
            offer = row["offer"]
            if row["status"] == "live" and int(offer["kind"]) == 0:
                price = int(offer["price"])
                asks[int(offer["peer"])] = min(price, asks.get(int(offer["peer"]), price))
        medians: dict[str, int | None] = {}
        found = []
        for row in matcher.items("/v1/peers", {"provider": address, "limit": PAGE}):
            if not row["units"]:
                continue
            region = row["region"]
            if region not in medians:
                medians[region] = self._find_median(region)
            found.append(
                WatchedPeer(
                    int(row["id"]),
                    int(row["free"]),
                    int(row["used"]),
                    self._count_missed(row, due),
                    self._find_problem(row["endpoint"]),
                    row["wallet"],
                    wiring.rpc.fetch_balance(row["wallet"]),
                    asks.get(int(row["id"])),
                    medians[region],
                )
            )
        return found

    def _count_missed(self, row: dict[str, object], due: int) -> int:
        """Return the epochs in a row up to `due` that a peer served and did not commit."""
        if not row["used"]:
            return 0
        asked = {"peer": str(row["id"]), "alive": "true", "limit": PAGE}
        starts = [
            int(held["start"])
            for held in self._client.matcher.items("/v1/assignments", asked)
            if held["start"] is not None
        ]
        if not starts:
            return 0
        proven = row["proven"]
        last = int(str(proven)) if proven is not None else -1
        return max(0, due - max(last, min(starts) - 1))

    def _find_problem(self, endpoint: str) -> str:
        try:
            answer = self._http.get(parse_endpoint(endpoint) + READY)
            return "" if answer.status_code == 200 else _read_reason(answer)
        except (httpx.HTTPError, httpx.InvalidURL, MarketError) as error:
            return f"{endpoint} does not answer: {str(error)[:MOST_REASON] or type(error).__name__}"

    def _find_median(self, region: str) -> int | None:
        """Return the price that half of a region's units are asked for at most."""
        rows = self._client.matcher.items("/v1/book/depth", {"region": region})
        levels = sorted(_levels(rows))
        half = sum(units for _, units in levels) / 2
        seen = 0
        for price, units in levels:
            seen += units
            if seen >= half:
                return price
        return None


def _levels(rows: Iterable[dict[str, object]]) -> Iterator[tuple[int, int]]:
    for row in rows:
        levels = row["levels"]
        assert isinstance(levels, list), "as the matcher's page says"
        for level in levels:
            yield int(level["price"]), int(level["units"])


def _read_reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["reason"])[:MOST_REASON]
    except (ValueError, KeyError, TypeError):
        return f"it answers {answer.status_code}"

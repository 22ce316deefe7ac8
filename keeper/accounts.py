"""The accounts that a keeper acts for, by the clients that people use."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import httpx
import msgspec

from keeper.duties.alarms import WatchedPeer
from keeper.duties.deal_news import DealNews
from keeper.duties.funding import CardCharge, ChargeState, ListedDeal
from wasmarket.chain.contracts.bindings import View, read_views
from wasmarket.chain.contracts.packed_words import AccountWord
from wasmarket.chain.contracts.views import OnchainDeal
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.earnings import ClaimResult, Due, batches
from wasmarket.client.provider import ProviderClient
from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket.client.statements.reading import StatementReader
from wasmarket.client.statements.statement import Month, Side, Statement
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.endpoints import parse_endpoint
from wasmarket.kernel.errors import BadContent, MarketError, NotFound
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.units import Address

PAGE = 1_000
FIRST_PAGE = 20
"""Events that are asked for first: mostly nothing is new."""
READY = "/v1/health/ready"
MOST_REASON = 300
STATUS = {"waiting": 1, "running": 2, "lapsed": 3, "stopping": 4}
"""`OnchainDeal.status` by the matcher's word, of deals that are not over."""
TOLD = (
    "Activated",
    "Claimed",
    "DealBalance",
    "DealCreated",
    "Ended",
    "Lapsed",
    "Matched",
    "Redeemed",
    "Stopped",
)
"""Events by which a deal's money changes."""
HARMLESS = ("Claimed", "Ended")
"""Of these, those after which no deal is short that was not: what is paid was taken out before."""

CHARGES = {
    "delivered": ChargeState.MOVED,
    "expired": ChargeState.FAILED,
    "refunded": ChargeState.FAILED,
    "lost": ChargeState.FAILED,
}
"""What a charge has come to, by the state of its checkout; else it is on its way."""

Decoded = TypeVar("Decoded", bound=msgspec.Struct)


class _Next(msgspec.Struct):
    next: str | None


class _DealRow(msgspec.Struct, gc=False):
    """The members of a deal that are needed here."""

    id: int
    status: str
    meter: str
    developer: str
    balance: str
    rate: str
    runway: str
    settled: int
    end: int
    units: int
    run: int
    stopped: bool
    last_funded: int | None

    def to_state(self) -> OnchainDeal:
        return OnchainDeal(
            Address(self.developer),
            int(self.balance),
            int(self.rate),
            self.settled,
            self.end,
            self.units,
            self.run,
            self.stopped,
            STATUS[self.status],
            int(self.runway),
            self.last_funded or 0,
        )


class _DealPage(msgspec.Struct):
    items: list[_DealRow]


class _EventRow(msgspec.Struct, gc=False):
    name: str
    block: int
    tx: str
    deal: int | None
    assignment: int | None
    peer: int | None
    data: dict[str, Any]


class _EventPage(msgspec.Struct):
    items: list[_EventRow]
    block: int


class DeveloperAccount:
    """A developer's deals and money."""

    def __init__(self, wiring: Wiring, key: str) -> None:
        """`key` names the account in keys/; empty: the only one."""
        self._wiring = wiring
        self._key = key or None
        self._client = DeveloperClient(wiring, self._key)

    def deals(self) -> dict[int, ListedDeal]:
        """Return the account's deals that are not over. Raises BadContent."""
        found: dict[int, ListedDeal] = {}
        for page in self._pages("/v1/deals", {"developer": self._client.address, "live": "true"}):
            for row in _decode(page, _DealPage).items:
                if row.status in STATUS:
                    found[row.id] = ListedDeal(row.meter != ZERO_ADDRESS, row.to_state())
        return found

    def news(self, behind: int | None) -> tuple[list[DealNews], int]:
        """Return what happened to anybody's deals after block `behind`, oldest first, and up to
        which block it was looked at.

        Raises BadContent.
        """
        found: list[DealNews] = []
        block = -1
        asked, address = {"names": ",".join(TOLD)}, self._client.address
        size = 1 if behind is None else FIRST_PAGE
        for page in self._pages("/v1/history", asked, size):
            decoded = _decode(page, _EventPage)
            block = max(block, decoded.block)
            if behind is None:
                break
            events = [one for one in decoded.items if one.block > behind]
            found += [_read_news(one, address) for one in events if one.deal is not None]
            if len(events) < len(decoded.items):
                break
        return found[::-1], block

    def _pages(self, path: str, asked: dict[str, str], size: int = PAGE) -> Iterator[bytes]:
        cursor: str | None = ""
        while cursor is not None:
            more = {"limit": PAGE, "cursor": cursor} if cursor else {"limit": size}
            content = self._client.matcher.send("GET", path, params={**asked, **more}).content
            cursor = _decode(content, _Next).next
            yield content

    def read(self, deals: Sequence[int]) -> list[OnchainDeal]:
        """Return what the chain says of deals, settled."""
        return [state for ids in batches(deals) for state in self._wiring.lens.deals(ids)]

    def available(self, sources: Sequence[str]) -> int:
        """Return the USDC base units that `free` and `wallet`, or one of them, hold."""
        wiring, address = self._wiring, self._client.address
        views: dict[str, View] = {
            "free": (wiring.market, "account_word", (address,)),
            "wallet": (wiring.usdc, "balanceOf", (address,)),
        }
        held = read_views(wiring.rpc, [views[source] for source in sources])
        return sum(
            AccountWord.unpack(value).free if source == "free" else int(value)
            for source, value in zip(sources, held, strict=True)
        )

    def is_busy(self) -> bool:
        """Say whether a transaction of the account waits to be mined."""
        rpc, address = self._wiring.rpc, self._client.address
        return rpc.fetch_nonce(address, "pending") > rpc.fetch_nonce(address)

    def top_up(self, deal: int, amount: int) -> None:
        """Put USDC into a deal, from the free balance first, then from the wallet."""
        self._client.top_up(deal, amount)

    def charge_card(self, deal: int, amount: int, key: str) -> CardCharge:
        """Charge the account's saved card for at most so much USDC, once a `key`.

        Raises NotFound if no card is saved, and as the gateway does.
        """
        payments = PaymentsClient(self._wiring, self._key)
        try:
            found = payments.read_charge(key)
        except NotFound:
            card = payments.card()
            if card["state"] != "active":
                raise NotFound("the card is not saved", field="card") from None
            minor = payments.amount_within(amount, card["currency"])
            found = payments.charge(deal, minor, card["currency"], key)
        state = CHARGES.get(found["state"], ChargeState.OPEN)
        return CardCharge(state, int(found["tokens"]), found["reason"] or found["state"])

    def open_checkout(self, deal: int, amount: int) -> str:
        """Open a purchase by card that tops up a deal; return the page to pay at."""
        payments = PaymentsClient(self._wiring, self._key)
        minor = payments.amount_for(amount, "usd")
        return str(payments.open(minor, "usd", {"top_up": deal})["page"])


def _read_news(event: _EventRow, developer: Address) -> DealNews:
    data = event.data
    is_eviction = event.name == "Ended" and int(data["kind"]) == EndKind.EVICTED
    return DealNews(
        deal=event.deal or 0,
        block=event.block,
        tx=event.tx,
        evicted=event.assignment if is_eviction else None,
        peer=event.peer,
        refunded=int(data["refunded"]) if event.name == "Claimed" else 0,
        is_new=event.name == "DealCreated" and data.get("developer") == developer,
        is_harmless=event.name in HARMLESS,
    )


class StatementAccount:
    """An account whose months are read."""

    def __init__(self, wiring: Wiring, key: str) -> None:
        """`key` names the account in keys/; empty: the only one."""
        self._wiring = wiring
        self._key = key or None

    def read_statement(self, side: str, month: Month) -> Statement:
        """Return a month of it. Raises as `StatementReader.read`."""
        account = self._wiring.address(self._key)
        return StatementReader(self._wiring).read(Side(side), account, month)


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


def _decode(content: bytes, kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadContent(f"the matcher's answer cannot be read: {error}") from error


def _read_reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["reason"])[:MOST_REASON]
    except (ValueError, KeyError, TypeError):
        return f"it answers {answer.status_code}"

"""The provider's side of a fake market."""

from collections.abc import Sequence
from decimal import Decimal

from wasmarket.client.market.amounts import (
    FLT_DECIMALS,
    Amountlike,
    read_flt,
    read_usdc,
    to_decimal,
)
from wasmarket.client.market.results import ClaimTotal, ProviderBalance
from wasmarket.client.provider import MONTH
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.errors import Conflict, NotFound
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.regions import region_mask
from wasmarket.kernel.units import Hash
from wasmarket.testing.fake_ledger import PROVIDER, FakeLedger, FakePeer


class FakeProvider:
    """What `Provider` does, in memory."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger

    @property
    def address(self) -> str:
        """The account's address."""
        return PROVIDER

    def balance(self) -> ProviderBalance:
        """Return what can be withdrawn and what is staked."""
        free = to_decimal(self._ledger.free[PROVIDER])
        return ProviderBalance(PROVIDER, free, to_decimal(self._ledger.stake, FLT_DECIMALS))

    def stake(self, *, amount: Amountlike) -> Decimal:
        """Deposit FLT; return the free stake."""
        self._ledger.stake += read_flt(amount)
        return to_decimal(self._ledger.stake, FLT_DECIMALS)

    def register(
        self,
        *,
        key: str,
        wallet: str,
        units: int,
        memory_mib: int,
        region: str,
        endpoint: str,
        traits: Sequence[str] = (),
    ) -> int:
        """Register a peer; return its number."""
        _ = region_mask([region])
        number = len(self._ledger.peers) + 1
        self._ledger.peers[number] = FakePeer(number, units, region, endpoint)
        return number

    def peers(self) -> list[int]:
        """Return the numbers of the peers."""
        return list(self._ledger.peers)

    def set_units(self, *, peer: int, units: int) -> None:
        """Change how many units a peer sells; never below what it runs. Raises Conflict."""
        found = self._peer(peer)
        if units < found.used:
            raise Conflict("peers: units in use", field="units")
        found.units = units

    def set_endpoint(self, *, peer: int, endpoint: str) -> None:
        """Change where a peer is reached."""
        self._peer(peer).endpoint = endpoint

    def offer(
        self,
        *,
        peer: int,
        price: Amountlike,
        developer: str | None = None,
        seconds: int = MONTH,
        on_chain: bool = False,
        metered: bool = False,
    ) -> Hash:
        """Offer a peer's units per unit and epoch, or per 10^12 work; return the offer's hash."""
        if metered:
            self._peer(peer).work_price = read_usdc(price, "price")
        else:
            self._peer(peer).price = read_usdc(price, "price")
        return to_hash(sha256(b"ask %d %d %s" % (peer, metered, str(price).encode())))

    def claim(
        self, *, assignments: Sequence[int] | None = None, withdraw: bool = False
    ) -> ClaimTotal:
        """Claim what assignments have earned."""
        fills = [fill for deal in self._ledger.deals.values() for fill in deal.fills]
        due = [f for f in fills if f.earned and (assignments is None or f.id in assignments)]
        paid = sum(fill.earned for fill in due)
        for fill in due:
            fill.earned = 0
        purse = self._ledger.wallets if withdraw else self._ledger.free
        purse[PROVIDER] += paid
        return ClaimTotal(tuple(fill.id for fill in due), to_decimal(paid), Decimal(0))

    def _peer(self, number: int) -> FakePeer:
        if number not in self._ledger.peers:
            raise NotFound(f"there is no peer {number}", field="peer")
        return self._ledger.peers[number]

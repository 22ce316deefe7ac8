"""What a program that rents out machines does: stake, register, offer, claim."""

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
from wasmarket.client.provider import MONTH, PeerCapacity, ProviderClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS, parse_address, parse_hash
from wasmarket.kernel.regions import region_index
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.traits import trait_mask
from wasmarket.kernel.units import Hash


class Provider:
    """A provider's account on the market. Raises the errors of `wasmarket.errors`."""

    def __init__(self, wiring: Wiring, key: str | None = None) -> None:
        """`key` names the account; it is loaded when something must be signed."""
        self._wiring = wiring
        self._client = ProviderClient(wiring, key)

    @property
    def address(self) -> str:
        """The account's address."""
        return self._client.address

    def balance(self) -> ProviderBalance:
        """Return what can be withdrawn and what is staked and not bound."""
        address = self._client.address
        return ProviderBalance(
            address,
            to_decimal(self._wiring.market.account(address).free),
            to_decimal(self._wiring.staking.stake(address).free, FLT_DECIMALS),
        )

    def stake(self, *, amount: Amountlike) -> Decimal:
        """Deposit FLT for bonds; return the free stake."""
        return to_decimal(self._client.stake(read_flt(amount)), FLT_DECIMALS)

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
        """Register a peer with its bond (staked if missing); return its number.

        `key` is the peer's public key, `wallet` its hot wallet: `wasmarket peer init` prints both.
        """
        capacity = PeerCapacity(
            units=units,
            memory_mib=memory_mib,
            region=region_index(region),
            endpoint=endpoint,
            traits=trait_mask(traits),
        )
        return self._client.register(
            parse_hash(key, field="key"), parse_address(wallet, field="wallet"), capacity
        )

    def peers(self) -> list[int]:
        """Return the numbers of the account's peers."""
        return [number for number, _ in self._client.find_peers()]

    def set_units(self, *, peer: int, units: int) -> None:
        """Change how many units a peer sells; never below what it runs."""
        self._client.set_units(peer, units)

    def set_endpoint(self, *, peer: int, endpoint: str) -> None:
        """Change where a peer is reached."""
        self._client.set_endpoint(peer, endpoint)

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
        """Sign an offer of a peer's units at `price` per unit and epoch, post it; return its hash.

        `developer`: only for one. `metered`: `price` is per 10^12 work.
        `on_chain` publishes it too, so that no matcher can hide it.
        """
        only = ZERO_ADDRESS if developer is None else parse_address(developer)
        ask = self._client.sign_offer(
            peer,
            read_usdc(price, "price"),
            only,
            seconds,
            kind=PriceKind.METERED if metered else PriceKind.RESERVED,
        )
        if on_chain:
            self._client.publish(ask)
        self._client.post(ask)
        return ask.hash

    def claim(
        self, *, assignments: Sequence[int] | None = None, withdraw: bool = False
    ) -> ClaimTotal:
        """Claim final epochs of assignments [all that are due]; `withdraw` pays out."""
        ids = (
            [due.assignment for due in self._client.find_due()]
            if assignments is None
            else list(assignments)
        )
        result = self._client.claim(ids, withdraw=withdraw)
        return ClaimTotal(tuple(ids), to_decimal(result.paid), to_decimal(result.refunded))

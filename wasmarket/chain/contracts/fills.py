"""The arguments of `Market.match` that are not signed as they stand: fills and the permit."""

from dataclasses import dataclass

from wasmarket.kernel.signing.offers import ProviderOffer
from wasmarket.kernel.signing.signatures import NO_SIGNATURE, Signature
from wasmarket.kernel.units import Address


@dataclass(frozen=True, slots=True)
class SignedFill:
    """One line of a match as `Market.match` takes it: a provider offer, units, its signature."""

    peer: int
    kind: int
    price: int
    developer: Address
    valid_until: int
    counter: int
    salt: int
    units: int
    r: int
    vs: int


@dataclass(frozen=True, slots=True)
class MatchPermit:
    """A USDC permit as `Market.match` takes it; `deadline` 0: none."""

    value: int
    deadline: int
    r: int
    vs: int


NO_PERMIT = MatchPermit(0, 0, 0, 0)


def build_fill(offer: ProviderOffer, units: int, signature: Signature = NO_SIGNATURE) -> SignedFill:
    """Build a fill; without a signature the offer must be approved on chain."""
    return SignedFill(
        offer.peer,
        offer.kind,
        offer.price,
        offer.developer,
        offer.valid_until,
        offer.counter,
        offer.salt,
        units,
        signature.r,
        signature.vs,
    )

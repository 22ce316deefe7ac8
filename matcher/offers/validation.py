"""The rules that an offer must pass at a matcher's door, beyond what Market itself demands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matcher.engine.values import PRICE_BELOW
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH
from wasmarket.kernel.errors import (
    Conflict,
    Expired,
    Forbidden,
    InvalidInput,
    InvalidSignature,
    Unauthorized,
)
from wasmarket.kernel.selection.wishes import SignedWish, check_wish, load_signed_wish
from wasmarket.kernel.signing.offers import (
    DeveloperOffer,
    Offer,
    PriceKind,
    ProviderOffer,
    parse_uint,
    validate_terms,
)
from wasmarket.kernel.signing.signatures import Signature, recover
from wasmarket.kernel.signing.typed_data import Domain, digest
from wasmarket.kernel.traits import traits_of
from wasmarket.kernel.units import Address, Hash

STORED_AMOUNT_BELOW = 2**63
TRAITS_BELOW = 2**96


@dataclass(frozen=True, slots=True)
class OnchainStatus:
    """What the chain knows of an account, its counter, and of one of its offers."""

    counter: int
    approved: bool
    cancelled: bool


def check_bid(offer: DeveloperOffer, matcher: Address) -> None:
    """Refuse a developer offer that could never be matched here. Raises InvalidInput."""
    validate_terms(offer)
    parse_uint(offer.deposit + offer.tip, field="deposit", below=STORED_AMOUNT_BELOW)
    parse_uint(offer.traits, field="traits", below=TRAITS_BELOW)
    if offer.app == ZERO_HASH:
        raise InvalidInput("the offer names no app", field="app")
    if offer.max_price == 0:
        raise InvalidInput(
            "max_price is 0: nobody sells for nothing", field="max_price", remedy="offer more"
        )
    places = offer.regions.bit_count() if offer.regions else offer.units
    if offer.min_regions > min(places, offer.units):
        raise InvalidInput(
            "min_regions is more than units or the wanted regions can give",
            field="min_regions",
            remedy="ask for fewer regions, or allow more of them",
        )
    if offer.deposit < offer.min_units:
        raise InvalidInput(
            "the deposit pays for no epoch of min_units at any price",
            field="deposit",
            remedy="deposit several epochs' worth: units times price times epochs",
        )
    if offer.matcher not in (ZERO_ADDRESS, matcher):
        raise InvalidInput(
            f"the offer may only be matched by {offer.matcher}, this is {matcher}",
            field="matcher",
            remedy=f"name {matcher} or the zero address",
        )


def check_target(offer: DeveloperOffer, target: int | None, *, has_deal: bool = False) -> None:
    """Refuse a target that the offer does not allow; None is all of it. Raises InvalidInput.

    What it asks for at least counts at its first match only.
    """
    least = 1 if has_deal else max(1, offer.min_units)
    if target is not None and not least <= target <= offer.units:
        raise InvalidInput(
            f"the target is {target}, the offer is for {least} to {offer.units} units",
            field="target",
            remedy="wish for a number of units that the offer allows",
        )


def read_signed_wish(wish: Mapping[str, Any], signature: str | None) -> SignedWish:
    """Read a wish as it is posted. Raises InvalidInput, InvalidSignature, Unauthorized."""
    if signature is None:
        raise Unauthorized(
            "the wish is not signed",
            field="wish_signature",
            remedy="sign it (EIP-712 `Wish`) with the offer's account",
        )
    return load_signed_wish({"wish": wish, "signature": signature})


def check_signed_wish(
    asked: SignedWish | None, offer: DeveloperOffer, name: Hash, domain: Domain
) -> None:
    """Refuse a wish that means nothing, or is not the developer's.

    Raises InvalidInput, Forbidden.
    """
    if asked is None:
        return
    check_wish(asked.wish, offer.kind)
    if not asked.is_by(offer.developer, name, domain):
        raise Forbidden(
            f"the wish is not signed by {offer.developer} for this offer",
            field="wish_signature",
            remedy="sign the wish and the offer's hash (EIP-712 `Wish`) with the offer's account",
        )


def check_effectors(offer: DeveloperOffer, needed: int | None) -> None:
    """Refuse an offer that could be matched to peers that must reject its app.

    `needed` are the traits of the app's effectors, None when unknown. Raises InvalidInput.
    """
    missing = (needed or 0) & ~offer.traits
    if missing:
        names = ", ".join(traits_of(missing))
        raise InvalidInput(
            f"the app asks for {names}, the offer does not",
            field="traits",
            remedy=f"add {names} to the offer's traits",
        )


def check_ask(offer: ProviderOffer) -> None:
    """Refuse a provider offer whose price Market would never accept. Raises InvalidInput."""
    if offer.kind not in tuple(PriceKind):
        raise InvalidInput(
            "kind is 0 (price per unit and epoch) or 1 (price per 10^12 work)", field="kind"
        )
    if not 0 < offer.price < PRICE_BELOW:
        raise InvalidInput(
            f"the price is not between 1 and {PRICE_BELOW - 1}",
            field="price",
            remedy="give USDC base units (6 decimals) per unit and epoch, or per 10^12 work",
        )


def check_still_holds(offer: Offer, status: OnchainStatus, now: int) -> None:
    """Refuse an offer that holds no longer. Raises Expired, Conflict, InvalidInput."""
    if offer.valid_until < now:
        raise Expired(
            f"the offer expired {now - offer.valid_until} s ago (chain time)",
            field="valid_until",
            remedy="sign it again with a later valid_until",
        )
    if status.cancelled:
        raise Conflict(
            "the offer was cancelled on chain", field="salt", remedy="sign one with another salt"
        )
    if offer.counter != status.counter:
        raise InvalidInput(
            f"the account's counter is {status.counter}, the offer says {offer.counter}",
            field="counter",
            remedy=f"sign it again with counter {status.counter}",
        )


def check_signer(
    signature: Signature, signer: Address | None, account: Address, status: OnchainStatus
) -> None:
    """Refuse an offer that its account neither signed nor approved. Raises InvalidSignature.

    `signer` is whom the signature is by, None for one that nobody can have made.
    """
    if status.approved or signer == account:
        return
    if signature.is_empty:
        raise InvalidSignature(
            "the offer is not signed, and not approved on chain",
            field="signature",
            remedy="sign it, or publish its hash with Market.publish first",
        )
    if signer is None:
        raise InvalidSignature("no key gives this signature", field="signature")
    raise InvalidSignature(
        f"the signature is by {signer}, not by {account}",
        field="signature",
        remedy="sign with the key of that account, for this chain and this Market",
    )


def find_signer(signature: Signature, domain: Domain, name: Hash) -> Address | None:
    """Return the account that signed the offer of this hash, None if no key gives the signature."""
    if signature.is_empty:
        return None
    try:
        return recover(digest(domain, name), signature)
    except InvalidSignature:
        return None

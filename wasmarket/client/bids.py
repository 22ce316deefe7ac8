"""Make a developer offer, and the permit that pays for it."""

import secrets
from dataclasses import dataclass, field

from chain.contracts import Erc20, Market
from chain.wallet import Account
from kernel.addresses import ZERO_ADDRESS, raw
from kernel.deployment import Deployment
from kernel.errors import Conflict, Unfunded
from kernel.offers import DeveloperOffer, ProvidersMode, dump_offer, validate_terms
from kernel.signatures import sign
from kernel.typed_data import Domain, digest, hash_offer, hash_permit, market_domain
from kernel.units import Address, Hash, format_usdc

PERMIT_VERSIONS = ("1", "2")
"""Domain versions of tokens in use; USDC's is 2."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a developer wants. USDC base units, MiB, chain seconds; masks as in DESIGN 8.1."""

    units: int
    max_price: int
    deposit: int
    min_units: int = 1
    max_units_per_provider: int = 0
    min_regions: int = 0
    epochs: int = 0
    min_memory_mib: int = 0
    regions: int = 0
    traits: int = 0
    providers: tuple[Address, ...] = ()
    providers_mode: ProvidersMode = ProvidersMode.ANY
    matcher: Address = ZERO_ADDRESS
    tip: int = 0
    valid_seconds: int = 86_400


@dataclass(frozen=True, slots=True)
class Bid:
    """A signed developer offer, as JSON for the matcher; with a permit if tokens must be pulled."""

    offer: DeveloperOffer
    hash: Hash
    body: dict[str, object] = field(repr=False)


def make_offer(wish: Wish, app: Hash, developer: Address, counter: int, now: int) -> DeveloperOffer:
    """Return the offer for a wish. Raises InvalidInput for terms that Market would refuse."""
    offer = DeveloperOffer(
        developer=developer,
        app=app,
        min_units=wish.min_units,
        units=wish.units,
        max_units_per_provider=wish.max_units_per_provider,
        min_regions=wish.min_regions,
        max_price=wish.max_price,
        epochs=wish.epochs,
        deposit=wish.deposit,
        min_memory_mib=wish.min_memory_mib,
        regions=wish.regions,
        traits=wish.traits,
        providers=wish.providers,
        providers_mode=wish.providers_mode,
        matcher=wish.matcher,
        tip=wish.tip,
        valid_until=now + wish.valid_seconds,
        counter=counter,
        salt=secrets.randbits(128),
    )
    validate_terms(offer)
    return offer


def sign_bid(
    wish: Wish,
    app: Hash,
    account: Account,
    deployment: Deployment,
    market: Market,
    usdc: Erc20,
    now: int,
) -> Bid:
    """Sign the offer for a wish, with a permit for what the free balance does not cover.

    Raises InvalidInput, Unfunded.
    """
    state = market.account(account.address)
    offer = make_offer(wish, app, account.address, state.counter, now)
    hash_ = hash_offer(offer)
    domain = market_domain(deployment.chain_id, deployment.market)
    body: dict[str, object] = {
        "offer": dump_offer(offer),
        "signature": sign(digest(domain, hash_), account.key).to_hex(),
    }
    missing = max(0, offer.deposit + offer.tip - state.free)
    held = usdc.balance(account.address)
    if held < missing:
        raise Unfunded(
            f"{account.address} holds {format_usdc(held)} USDC and {format_usdc(state.free)} free"
            f" in Market, the deposit and tip are {format_usdc(offer.deposit + offer.tip)}",
            field="deposit",
            remedy="offer a smaller deposit, or get USDC (local chains: `wasmarket local faucet`)",
        )
    if missing > usdc.allowance(account.address, deployment.market):
        body["permit"] = _sign_permit(account, deployment, usdc, missing, offer.valid_until)
    return Bid(offer, hash_, body)


def _permit_domain(deployment: Deployment, usdc: Erc20) -> Domain:
    """Return the token's permit domain, found by its separator. Raises Conflict."""
    separator = raw(usdc.domain_separator())
    for version in PERMIT_VERSIONS:
        domain = usdc.permit_domain(deployment.chain_id, version)
        if domain.separator() == separator:
            return domain
    raise Conflict(
        f"the permits of token {usdc.address} are not understood",
        remedy="deposit first: `wasmarket wallet deposit AMOUNT`; then no permit is needed",
    )


def _sign_permit(
    account: Account, deployment: Deployment, usdc: Erc20, value: int, deadline: int
) -> dict[str, str]:
    """Sign EIP-2612's permit for Market under the token's own domain."""
    nonce = usdc.permit_nonce(account.address)
    permit = hash_permit(account.address, deployment.market, value, nonce, deadline)
    signature = sign(digest(_permit_domain(deployment, usdc), permit), account.key)
    return {"value": str(value), "deadline": str(deadline), "signature": signature.to_hex()}

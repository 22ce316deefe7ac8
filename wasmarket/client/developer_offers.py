"""Make a developer offer, and keep the permit that pays for it good."""

import secrets
from dataclasses import dataclass, field, replace

from wasmarket.chain.contracts.bindings import Erc20, Market
from wasmarket.chain.sending.wallet import Account
from wasmarket.client.permits import Permit, sign_permit
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import Unfunded
from wasmarket.kernel.selection.wishes import (
    NO_WISH,
    SignedWish,
    Wish,
    check_wish,
    dump_wish,
    hash_wish,
)
from wasmarket.kernel.signing.offers import (
    DeveloperOffer,
    ProvidersMode,
    dump_offer,
    validate_terms,
)
from wasmarket.kernel.signing.plan import SigningPlan
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import digest, hash_offer, market_domain
from wasmarket.kernel.units import Address, Hash, format_usdc


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a developer wants. USDC base units, MiB, chain seconds; masks as in DESIGN 8.1.

    `meter` zero: reserved units; else that address signs what is paid for.
    """

    units: int
    max_price: int
    deposit: int
    min_units: int = 1
    max_units_per_provider: int = 0
    min_regions: int = 0
    meter: Address = ZERO_ADDRESS
    epochs: int = 0
    min_memory_mib: int = 0
    regions: int = 0
    traits: int = 0
    providers: tuple[Address, ...] = ()
    providers_mode: ProvidersMode = ProvidersMode.ANY
    matcher: Address = ZERO_ADDRESS
    tip: int = 0
    valid_seconds: int = 86_400
    wish: Wish = NO_WISH
    """What is asked of the matcher alone."""


@dataclass(frozen=True, slots=True)
class Bid:
    """A signed developer offer; with a permit if tokens must be pulled."""

    offer: DeveloperOffer
    hash: Hash
    signature: str = field(repr=False)
    permit: Permit | None = field(default=None, repr=False)
    wish: SignedWish | None = field(default=None, repr=False)

    @property
    def body(self) -> dict[str, object]:
        """The offer as the matcher takes it."""
        body: dict[str, object] = {"offer": dump_offer(self.offer), "signature": self.signature}
        if self.wish is not None:
            body |= {"wish": dump_wish(self.wish.wish), "wish_signature": self.wish.signature}
        return body if self.permit is None else body | {"permit": self.permit.to_json()}

    @property
    def cost(self) -> int:
        """USDC base units that the match takes at most."""
        return self.offer.deposit + self.offer.tip


def make_offer(
    requirement: Requirement, app: Hash, developer: Address, counter: int, now: int
) -> DeveloperOffer:
    """Return the offer for a wish. Raises InvalidInput for terms that Market would refuse."""
    offer = DeveloperOffer(
        developer=developer,
        app=app,
        min_units=requirement.min_units,
        units=requirement.units,
        max_units_per_provider=requirement.max_units_per_provider,
        min_regions=requirement.min_regions,
        meter=requirement.meter,
        max_price=requirement.max_price,
        epochs=requirement.epochs,
        deposit=requirement.deposit,
        min_memory_mib=requirement.min_memory_mib,
        regions=requirement.regions,
        traits=requirement.traits,
        providers=requirement.providers,
        providers_mode=requirement.providers_mode,
        matcher=requirement.matcher,
        tip=requirement.tip,
        valid_until=now + requirement.valid_seconds,
        counter=counter,
        salt=secrets.randbits(128),
    )
    validate_terms(offer)
    check_wish(requirement.wish, offer.kind)
    return offer


def sign_bid(
    requirement: Requirement,
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
    offer, pulled = plan_bid(requirement, app, account.address, deployment, market, usdc, now)
    hash_ = hash_offer(offer)
    domain = market_domain(deployment.chain_id, deployment.market)
    signature = sign(digest(domain, hash_), account.key).to_hex()
    wish = None
    if requirement.wish != NO_WISH:
        asked = digest(domain, hash_wish(requirement.wish, hash_))
        wish = SignedWish(requirement.wish, sign(asked, account.key).to_hex())
    bid = Bid(offer, hash_, signature, wish=wish)
    if pulled:
        permit = sign_permit(account, deployment, usdc, pulled, offer.valid_until)
        return replace(bid, permit=permit)
    return bid


def plan_bid(
    requirement: Requirement,
    app: Hash,
    developer: Address,
    deployment: Deployment,
    market: Market,
    usdc: Erc20,
    now: int,
) -> tuple[DeveloperOffer, int]:
    """Return the offer for a wish, and the USDC base units that a permit must let Market pull.

    Raises InvalidInput, Unfunded.
    """
    state = market.account(developer)
    offer = make_offer(requirement, app, developer, state.counter, now)
    cost = offer.deposit + offer.tip
    missing = max(0, cost - state.free)
    held = usdc.balance(developer)
    if held < missing:
        raise Unfunded(
            f"{developer} holds {format_usdc(held)} USDC and {format_usdc(state.free)} free"
            f" in Market, the deposit and tip are {format_usdc(cost)}",
            field="deposit",
            remedy="offer a smaller deposit, or get USDC: `wasmarket buy 20 usd` by card"
            " (local chains: `wasmarket local faucet`)",
        )
    return offer, missing if missing > usdc.allowance(developer, deployment.market) else 0


def note_bid(
    plan: SigningPlan,
    requirement: Requirement,
    app: Hash,
    developer: Address,
    deployment: Deployment,
    market: Market,
    usdc: Erc20,
    now: int,
) -> None:
    """Note in a plan what `sign_bid` would sign. Raises as it does."""
    offer, pulled = plan_bid(requirement, app, developer, deployment, market, usdc, now)
    plan.add("offer", ", ".join(f"{name} {value}" for name, value in dump_offer(offer).items()))
    if requirement.wish != NO_WISH:
        asked = dump_wish(requirement.wish).items()
        plan.add("wish", ", ".join(f"{name} {value}" for name, value in asked))
    if pulled:
        text = f"Market may pull {format_usdc(pulled)} USDC of {developer}"
        plan.add("permit", f"{text} until {offer.valid_until}")


def renew_permit(
    bid: Bid, account: Account, deployment: Deployment, usdc: Erc20, *, is_unfunded: bool
) -> Bid | None:
    """Return a bid with a permit that holds, or None if a new one would change nothing.

    A permit dies when another of the account is used: offers that are signed at the same time
    have one nonce. And of the free balance an older offer may have the first claim, so what is
    unfunded gets a permit for all of its cost.
    """
    given = bid.permit
    if given is None and not is_unfunded:
        return None
    nonce = usdc.permit_nonce(account.address)
    is_dead = given is not None and given.nonce != nonce
    value = min(bid.cost, usdc.balance(account.address)) if is_unfunded else 0
    if given is not None:
        value = max(value, given.value)
    if not is_dead and value <= (given.value if given else 0):
        return None
    permit = sign_permit(account, deployment, usdc, value, bid.offer.valid_until)
    return replace(bid, permit=permit)

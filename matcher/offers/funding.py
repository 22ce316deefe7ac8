"""Say which new offers their developers can pay for: deposit and tip of each, in turn."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matcher.engine.values import Demand
from wasmarket.chain.contracts.bindings import Erc20
from wasmarket.chain.contracts.fills import NO_PERMIT, MatchPermit
from wasmarket.chain.reading.blocks import BlockTag
from wasmarket.kernel.errors import InvalidSignature
from wasmarket.kernel.signing.offers import DeveloperOffer, parse_uint
from wasmarket.kernel.signing.signatures import Signature, parse_signature, recover
from wasmarket.kernel.signing.typed_data import Domain, digest, hash_permit
from wasmarket.kernel.units import Address, Hash, format_usdc


@dataclass(slots=True)
class Purse:
    """What an account can spend: free balance, tokens, and how many Market may pull of them."""

    free: int
    tokens: int
    allowance: int

    def shortfall(self, amount: int, permit: MatchPermit, now: int) -> int:
        """Return what is missing for `amount`; a permit stands in for the allowance."""
        pulled = max(0, amount - self.free)
        promised = permit.value if permit.deadline >= now else 0
        return max(0, pulled - min(self.tokens, max(self.allowance, promised)))

    def spend(self, amount: int) -> None:
        """Take `amount` out, free balance first."""
        pulled = max(0, amount - self.free)
        self.free -= amount - pulled
        self.tokens -= pulled
        self.allowance = max(0, self.allowance - pulled)


@dataclass(frozen=True, slots=True)
class Funding:
    """Which demands can be matched, and why the others cannot, by offer hash."""

    funded: tuple[Demand, ...]
    unfunded: dict[Hash, str]


def cost_of(offer: DeveloperOffer) -> int:
    """Return what the first match takes from the developer at most."""
    return offer.deposit + offer.tip


def parse_permit(data: Mapping[str, Any] | None) -> MatchPermit:
    """Read a permit from JSON; none when there is none. Raises InvalidInput, InvalidSignature."""
    if data is None:
        return NO_PERMIT
    signature = parse_signature(str(data.get("signature")), field="permit.signature")
    return MatchPermit(
        value=parse_uint(data.get("value"), field="permit.value"),
        deadline=parse_uint(data.get("deadline"), field="permit.deadline"),
        r=signature.r,
        vs=signature.vs,
    )


def fetch_purses(
    usdc: Erc20, market: Address, free: Mapping[Address, int], block: BlockTag = "latest"
) -> dict[Address, Purse]:
    """Read what accounts held at a block; `free` are their free balances in Market."""
    accounts = list(free)
    tokens = usdc.read_many("balanceOf", [(account,) for account in accounts], block)
    allowances = usdc.read_many("allowance", [(account, market) for account in accounts], block)
    return {
        account: Purse(free[account], int(held), int(allowed))
        for account, held, allowed in zip(accounts, tokens, allowances, strict=True)
    }


@dataclass(frozen=True, slots=True)
class PermitRules:
    """What a permit is checked by: the token's domain, Market, and the owners' nonces."""

    token: Domain
    market: Address
    nonces: Mapping[Address, int]

    def is_good(self, owner: Address, permit: MatchPermit) -> bool:
        """Whether the token would take the permit now: another one of its owner ends it."""
        nonce = self.nonces[owner]
        struct = hash_permit(owner, self.market, permit.value, nonce, permit.deadline)
        try:
            signer = recover(digest(self.token, struct), Signature(permit.r, permit.vs))
        except InvalidSignature:
            return False
        return signer == owner


def fetch_permit_rules(
    usdc: Erc20, token: Domain, market: Address, owners: Iterable[Address], block: BlockTag
) -> PermitRules:
    """Read the nonces that permits of these accounts had to have at a block."""
    wanted = sorted(set(owners))
    found = usdc.read_many("nonces", [(owner,) for owner in wanted], block)
    nonces = {owner: int(nonce) for owner, nonce in zip(wanted, found, strict=True)}
    return PermitRules(token, market, nonces)


def split_by_funds(
    demands: Sequence[Demand],
    purses: Mapping[Address, Purse],
    permits: Mapping[Hash, MatchPermit],
    now: int,
) -> Funding:
    """Serve each developer's offers in order of bid until the money is spoken for.

    Refills need no new money. `purses` are changed.
    """
    funded: list[Demand] = []
    unfunded: dict[Hash, str] = {}
    for demand in _by_bid(demands):
        cost = cost_of(demand.offer)
        purse = purses.get(demand.offer.developer)
        if not demand.is_first or purse is None:
            funded.append(demand)
            continue
        missing = purse.shortfall(cost, permits.get(demand.hash, NO_PERMIT), now)
        if missing:
            unfunded[demand.hash] = (
                f"deposit and tip are {format_usdc(cost)} USDC, {format_usdc(missing)} are missing:"
                " deposit into Market, approve it for more, or send a permit with the offer"
            )
        else:
            purse.spend(cost)
            funded.append(demand)
    return Funding(tuple(funded), unfunded)


def _by_bid(demands: Iterable[Demand]) -> list[Demand]:
    return sorted(demands, key=lambda d: (-d.offer.max_price, d.sequence, d.hash))

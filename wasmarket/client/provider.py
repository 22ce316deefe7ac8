"""What a provider does: stake, register peers, offer their units, claim and withdraw."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wasmarket.chain.contracts.views import OnchainPeer
from wasmarket.chain.sending.transactions import ContractCall, TransactionReceipt
from wasmarket.client.earnings import ClaimResult, Due, Earnings, batches, is_over
from wasmarket.client.service import ServiceClient
from wasmarket.client.tokens import approve
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import Conflict, InvalidInput
from wasmarket.kernel.events import Claimed, Ended, PeerRegistered, Skipped, Stake
from wasmarket.kernel.reasons import LeaveReason
from wasmarket.kernel.signing.offers import PriceKind, ProviderOffer, dump_offer
from wasmarket.kernel.signing.plan import PlanComplete
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import digest, hash_offer
from wasmarket.kernel.units import Address, Hash, format_flt

MONTH = 30 * 86_400
ENDED = 3
"""State of an assignment that has ended and is not fully claimed."""


@dataclass(frozen=True, slots=True)
class PeerCapacity:
    """What a peer has to sell: units (cores), MiB per unit, where it is and how it is reached."""

    units: int
    memory_mib: int
    region: int
    endpoint: str
    traits: int = 0


@dataclass(frozen=True, slots=True)
class SignedAsk:
    """A signed provider offer, as JSON for the matcher."""

    offer: ProviderOffer
    hash: Hash
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LeaveResult:
    """Which assignments were given back, and which were left as they are."""

    ended: list[Ended]
    skipped: list[Skipped]


class ProviderClient:
    """One provider's view of the market. Raises errors of `kernel.errors`."""

    def __init__(self, wiring: Wiring, key: str | None = None) -> None:
        """`key` names the provider's account in `keys/`."""
        self._wiring = wiring
        self._key = key
        settings = wiring.client
        self.matcher = ServiceClient("matcher", settings.matcher, wiring.http)

    @property
    def address(self) -> Address:
        """The account's address."""
        return self._wiring.account(self._key).address

    def stake(self, amount: int) -> int:
        """Deposit FLT base units; return the free stake."""
        wiring = self._wiring
        approve(wiring, wiring.flt, wiring.deployment.staking, amount, self._key)
        return self._send(wiring.staking.call("deposit", amount)).find(Stake)[0].free

    def ensure_stake(self, units: int) -> None:
        """Stake what the bond of `units` more needs beyond the free stake. Raises Conflict."""
        wiring = self._wiring
        needed = units * wiring.deployment.parameters.bond_per_unit
        missing = needed - wiring.staking.stake(self.address).free
        if missing <= 0:
            return
        held = wiring.flt.balance(self.address)
        if held < missing:
            raise Conflict(
                f"the bond needs {format_flt(missing)} FLT more,"
                f" {self.address} has {format_flt(held)}",
                field="units",
                remedy="get FLT (local chains: `wasmarket local faucet`), or register fewer units",
            )
        self.stake(missing)

    def register(self, key: Hash, wallet: Address, machine: PeerCapacity) -> int:
        """Register a peer with its bond; return its number.

        Raises Conflict if its key and wallet are registered: a peer runs as the first of them.
        """
        known = self._find_peer(wallet)
        if known:
            raise Conflict(
                f"the wallet {wallet} is that of peer {known} already",
                field="name",
                remedy=f"change it: `wasmarket peer set-units {known} …`, or use another name",
            )
        self.ensure_stake(machine.units)
        call = self._wiring.market.call(
            "register_peer",
            key,
            machine.units,
            machine.memory_mib,
            machine.region,
            machine.traits,
            wallet,
            machine.endpoint,
        )
        return self._send(call).find(PeerRegistered)[0].peer

    def set_units(self, peer: int, units: int) -> None:
        """Change how many units a peer sells; never below what it runs."""
        before = self._wiring.lens.peers([peer])[0].units
        if units > before:
            self.ensure_stake(units - before)
        self._send(self._wiring.market.call("set_units", peer, units))

    def set_endpoint(self, peer: int, endpoint: str) -> None:
        """Change where a peer is reached."""
        self._send(self._wiring.market.call("set_endpoint", peer, endpoint))

    def set_wallet(self, peer: int, wallet: Address) -> None:
        """Replace a peer's hot wallet; the old one can do nothing more."""
        self._send(self._wiring.market.call("set_wallet", peer, wallet))

    def sign_offer(
        self,
        peer: int,
        price: int,
        developer: Address = ZERO_ADDRESS,
        seconds: int = MONTH,
        *,
        kind: PriceKind = PriceKind.RESERVED,
    ) -> SignedAsk:
        """Sign an offer of a peer's units at `price` per unit and epoch, or per 10^12 work.

        Raises InvalidInput for a peer that is not the provider's.
        """
        wiring = self._wiring
        account = wiring.account(self._key)
        self._check_owner(peer)
        offer = ProviderOffer(
            peer=peer,
            kind=kind,
            price=price,
            developer=developer,
            valid_until=wiring.clock.refresh() + seconds,
            counter=wiring.market.account(account.address).counter,
            salt=secrets.randbits(128),
        )
        hash_ = hash_offer(offer)
        if wiring.plan is not None:
            terms = dump_offer(offer).items()
            wiring.plan.add("offer", ", ".join(f"{name} {value}" for name, value in terms))
            raise PlanComplete
        signature = sign(digest(wiring.domain, hash_), account.key).to_hex()
        return SignedAsk(offer, hash_, {"offer": dump_offer(offer), "signature": signature})

    def publish(self, ask: SignedAsk) -> None:
        """Put an offer on chain, so that no matcher can hide it."""
        self._send(self._wiring.market.call("publish", ask.hash, encode_published(ask.offer)))

    def post(self, ask: SignedAsk) -> str:
        """Post an offer to the matcher; return its status."""
        return str(self.matcher.post("/v1/provider-offers", ask.body)["status"])

    def find_peers(self, owner: Address | None = None) -> Iterator[tuple[int, OnchainPeer]]:
        """Yield a provider's peers by number, read from the chain alone."""
        provider = owner or self.address
        count = self._wiring.lens.read("peer_count")
        for ids in batches(range(1, count + 1)):
            for number, view in zip(ids, self._wiring.lens.peers(ids), strict=True):
                if view.provider == provider:
                    yield number, view

    def find_due(self, owner: Address | None = None) -> Iterator[Due]:
        """Yield a provider's assignments with something to claim, read from the chain alone."""
        return Earnings(self._wiring, owner or self.address).find_due()

    def claim(self, assignments: Sequence[int], *, withdraw: bool) -> ClaimResult:
        """Claim final epochs, in batches; with `withdraw`, send what it pays to the wallet."""
        market = self._wiring.market
        result = ClaimResult([], [])
        for ids in batches(assignments):
            call = (
                market.call("claim_and_withdraw", ids, self.address)
                if withdraw
                else market.call("claim", ids)
            )
            receipt = self._send(call)
            result.claimed.extend(receipt.find(Claimed))
            result.skipped.extend(receipt.find(Skipped))
        return result

    def find_held(self, peer: int) -> list[int]:
        """Return the assignments that a peer has and could leave. Raises as `sign_offer`."""
        self._check_owner(peer)
        views = Earnings(self._wiring, self.address).find()
        return [number for number, view in views if view.peer == peer and view.alive]

    def leave(self, assignments: Sequence[int], why: LeaveReason) -> LeaveResult:
        """Give assignments back, in batches: the epoch begun is not paid, what came before is."""
        result = LeaveResult([], [])
        for ids in batches(assignments):
            receipt = self._send(self._wiring.market.call("leave", ids, why))
            result.ended.extend(receipt.find(Ended))
            result.skipped.extend(receipt.find(Skipped))
        return result

    def find_unpaid(self, assignments: Sequence[int]) -> int:
        """Return the last epoch that assignments which have ended can still be paid, 0 if none."""
        views = (
            view for ids in batches(assignments) for view in self._wiring.lens.assignments(ids)
        )
        return max(
            (view.end_of for view in views if view.state == ENDED and not is_over(view)), default=0
        )

    def _send(self, call: ContractCall) -> TransactionReceipt:
        return self._wiring.sender(self._wiring.account(self._key)).send(call)

    def _find_peer(self, wallet: Address) -> int:
        """Return the account's peer that has this wallet, 0 if none."""
        mine = self.find_peers()
        return next((number for number, view in mine if view.wallet == wallet), 0)

    def _check_owner(self, peer: int) -> None:
        owner = self._wiring.lens.peers([peer])[0].provider
        if owner == ZERO_ADDRESS:
            raise InvalidInput(f"there is no peer {peer}", field="peer")
        if owner != self.address:
            raise InvalidInput(
                f"peer {peer} belongs to {owner}, not to {self.address}",
                field="peer",
                remedy="choose the provider's key with --key",
            )

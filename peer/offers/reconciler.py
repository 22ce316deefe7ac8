"""Keep the offers at the matchers what the policy says they should be, now and as time goes on.

The keeper holds the provider's key, for only that account's signature makes an offer. It acts on
the difference between what is to stand and what stands, so it can be killed anywhere.
"""

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from peer.offers.matchers import MatcherDoor
from peer.offers.signed_offers import SignedOffer, SignedOffers
from peer.policy.policy import Policy
from peer.policy.pricing import Machine, PricedAsk, Pricing, find_asks
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.errors import MarketError, Unreachable
from wasmarket.kernel.signing.offers import PriceKind, ProviderOffer
from wasmarket.kernel.signing.signatures import sign
from wasmarket.kernel.signing.typed_data import Domain, digest, hash_offer
from wasmarket.kernel.units import Address, Hash

logger = logging.getLogger(__name__)

REST_SECONDS = 10.0
"""How long a matcher that failed is left alone."""

REPEAT_SECONDS = 60.0
"""How often an offer is brought again, in case the matcher lost it."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the chain says: its time, the account's counter, the account's machines."""

    now: int
    counter: int
    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """How the keeper reaches the world."""

    read: Callable[[], Situation]
    door: Callable[[str], MatcherDoor]
    cancel: Callable[[Hash], object]
    """Cancels an offer on chain, for good."""


class OfferReconciler:
    """Signs, brings, renews and withdraws the offers of one provider; one thread runs it."""

    def __init__(
        self,
        account: Account,
        domain: Domain,
        policy: Callable[[], Policy],
        book: SignedOffers,
        ways: Ways,
        matchers: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`policy` returns the one that holds now; `matchers`: used if it names none.

        `clock` counts seconds between tries; what is offered follows the chain's time alone.
        """
        self._account = account
        self._domain = domain
        self._policy = policy
        self._book = book
        self._ways = ways
        self._matchers = tuple(matchers)
        self._clock = clock
        self._rest_until: dict[str, float] = {}
        self._brought_at: dict[tuple[Hash, str], float] = {}
        self._cancelled: set[Hash] = set()
        self._complaints: dict[str, str] = {}

    @property
    def chain_view(self) -> Mapping[Hash, SignedOffer]:
        """Return the offers that somebody may still fill."""
        return dict(self._book.offers)

    def take_turn(self) -> None:
        """Step, and raise what did not go well with one matcher or another, once all had theirs."""
        self.step()
        if self._complaints:
            raise Unreachable("; ".join(self._complaints.values()))

    def step(self) -> None:
        """Close the gap between what is to stand and what stands. Raises Unreachable."""
        policy = self._policy()
        situation = self._ways.read()
        now = situation.now
        rested = {url for url in self._complaints if self._is_rested(url)}
        self._complaints = {u: why for u, why in self._complaints.items() if u not in rested}
        asks = self._find_asks(policy, situation)
        self._drop_dead(now, situation.counter)
        missing = self._compare(asks, policy.offers, now)
        matchers = self._matchers_of(policy)
        # A price that no longer holds goes first: it must not be matched once the file changed.
        unwanted = [signed for signed in self._book.offers.values() if not signed.is_wanted]
        renewed = {(ask.peer, ask.kind, ask.developer, ask.price) for ask in missing}
        later = [signed for signed in unwanted if _terms(signed.offer) in renewed]
        for signed in unwanted:
            if signed not in later:
                self._withdraw(signed, policy.offers)
        for ask in missing:
            self._sign(ask, situation.counter)
        for signed in list(self._book.offers.values()):
            if signed.is_wanted:
                self._bring(signed, matchers)
        for signed in later:
            self._withdraw(signed, policy.offers)

    def _find_asks(self, policy: Policy, situation: Situation) -> list[PricedAsk]:
        pricing = policy.offers
        if pricing is None:
            return []
        return [
            ask
            for machine in situation.machines
            for ask in find_asks(pricing, machine, policy.developers, situation.now)
        ]

    def _compare(
        self, asks: Sequence[PricedAsk], pricing: Pricing | None, now: int
    ) -> list[PricedAsk]:
        """Mark what must not stand any more; return what is to be signed."""
        wanted = {(ask.peer, ask.kind, ask.developer, ask.price): ask for ask in asks}
        enough = pricing.valid_seconds // 2 if pricing else 0
        for hash_, signed in list(self._book.offers.items()):
            ask = wanted.get(_terms(signed.offer)) if signed.is_wanted else None
            ends = signed.offer.valid_until
            if ask is not None and ends <= ask.until and (ends - now > enough or ends == ask.until):
                del wanted[_terms(signed.offer)]
            elif signed.is_wanted:
                self._book.put(replace(self._book.offers[hash_], is_wanted=False))
        return list(wanted.values())

    def _sign(self, ask: PricedAsk, counter: int) -> None:
        offer = ProviderOffer(
            ask.peer,
            ask.kind,
            ask.price,
            ask.developer,
            ask.until,
            counter,
            secrets.randbits(128),
        )
        signature = sign(digest(self._domain, hash_offer(offer)), self._account.key).to_hex()
        signed = SignedOffer(offer, signature)
        self._book.put(signed)
        logger.info(
            "offer signed",
            extra={
                "peer": ask.peer,
                "kind": ask.kind.name.lower(),
                "price": ask.price,
                "until": ask.until,
                "offer": signed.hash,
            },
        )

    def _bring(self, signed: SignedOffer, matchers: Sequence[str]) -> None:
        now = self._clock()
        for url in matchers:
            key = (signed.hash, url)
            brought = self._brought_at.get(key)
            if brought is not None and now - brought < REPEAT_SECONDS:
                continue
            if not self._is_rested(url):
                continue
            try:
                alive = self._ways.door(url).post(signed)
            except MarketError as error:
                self._complain(url, error)
                continue
            self._brought_at[key] = now
            if not alive:
                # Cancelled by hand: the policy still asks for one, so another is signed, later.
                self._rest_until[url] = now + REST_SECONDS
                self._forget(signed.hash)
                return
            self._book.mark_held(signed.hash, url, held=True)

    def _withdraw(self, signed: SignedOffer, pricing: Pricing | None) -> None:
        hash_ = signed.hash
        for url in sorted(signed.held_by):
            if not self._is_rested(url):
                continue
            try:
                self._ways.door(url).withdraw(hash_)
            except MarketError as error:
                self._complain(url, error)
                continue
            self._book.mark_held(hash_, url, held=False)
        if pricing is not None and pricing.withdraw == "chain" and hash_ not in self._cancelled:
            try:
                self._ways.cancel(hash_)
            except MarketError as error:
                self._complaints["chain"] = error.detail
                return
            self._cancelled.add(hash_)
        if not self._book.offers[hash_].held_by:
            logger.info("offer withdrawn", extra={"offer": hash_})
            self._forget(hash_)

    def _drop_dead(self, now: int, counter: int) -> None:
        """Forget what nobody can fill: expired, or of an older counter."""
        for hash_, signed in list(self._book.offers.items()):
            if signed.offer.valid_until < now or signed.offer.counter != counter:
                self._forget(hash_)

    def _forget(self, offer: Hash) -> None:
        self._book.remove(offer)
        self._cancelled.discard(offer)
        self._brought_at = {k: at for k, at in self._brought_at.items() if k[0] != offer}

    def _matchers_of(self, policy: Policy) -> tuple[str, ...]:
        return (policy.offers.matchers if policy.offers else ()) or self._matchers

    def _is_rested(self, url: str) -> bool:
        return self._clock() >= self._rest_until.get(url, 0.0)

    def _complain(self, url: str, error: MarketError) -> None:
        self._rest_until[url] = self._clock() + REST_SECONDS
        self._complaints[url] = error.detail


def _terms(offer: ProviderOffer) -> tuple[int, PriceKind, Address, int]:
    return (offer.peer, PriceKind(offer.kind), offer.developer, offer.price)

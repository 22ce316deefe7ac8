"""Take offers in and out of the book: nothing is kept that was not checked."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from matcher.offers.funding import parse_permit
from matcher.offers.onchain_status import Standings
from matcher.offers.validation import (
    check_ask,
    check_bid,
    check_effectors,
    check_signature,
    check_standing,
    check_target,
)
from wasmarket.chain.contracts.bindings import Erc20
from wasmarket.chain.contracts.fills import MatchPermit
from wasmarket.kernel.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    InvalidSignature,
    LimitReached,
    NotFound,
)
from wasmarket.kernel.signing.offers import DeveloperOffer, Offer, ProviderOffer, parse_offer
from wasmarket.kernel.signing.signatures import NO_SIGNATURE, Signature, parse_signature, recover
from wasmarket.kernel.signing.typed_data import Domain, digest, hash_offer, hash_permit
from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.serving.limits import RateLimit
from wasmarket.store.chain.state import fetch_indexed, is_approved
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import OfferSource
from wasmarket.store.matching.offer_counts import count_asks, count_bids, count_posted_by
from wasmarket.store.matching.offers import (
    add_developer_offer,
    add_provider_offer,
    fetch_developer_offer,
    fetch_provider_offer,
    set_offer_target,
    withdraw_offer,
)
from wasmarket.store.views import StoredDeveloperOffer, StoredProviderOffer

Stored = TypeVar("Stored", StoredDeveloperOffer, StoredProviderOffer)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a posted offer."""

    hash: Hash
    is_new: bool


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Most offers that hold, per account and per client address; posts per minute and account."""

    per_account: int
    per_client: int
    posts: RateLimit


class Intake:
    """The door of the book."""

    def __init__(
        self,
        database: Database,
        standings: Standings,
        usdc: Erc20,
        domain: Domain,
        matcher: Address,
        limits: DoorLimits,
        on_change: Callable[[], None],
        fetch_traits: Callable[[Hash], int | None],
    ) -> None:
        """`matcher` is the account that sends matches; `on_change` hears of every change.

        `fetch_traits` returns the traits that an app needs, None when that cannot be known here.
        """
        self._database = database
        self._standings = standings
        self._usdc = usdc
        self._domain = domain
        self._matcher = matcher
        self._limits = limits
        self._on_change = on_change
        self._fetch_traits = fetch_traits
        self._token: Domain | None = None

    def post_developer_offer(
        self,
        data: Mapping[str, Any],
        signature: str | None,
        permit: Mapping[str, Any] | None = None,
        target: int | None = None,
        *,
        client: str = "",
    ) -> Posted:
        """Check a bid and keep it. A known one is a no-op, but takes a newer permit.

        `target`: how many of its units are wanted for now, of a new offer only. `client`: the
        address that sent it.
        Raises InvalidInput, InvalidSignature, Expired, Conflict, LimitReached.
        """
        offer = parse_offer(DeveloperOffer, data)
        known = self._find(fetch_developer_offer, hash_offer(offer))
        if known is not None and (permit is None or dict(permit) == known.permit):
            return Posted(hash_offer(offer), False)
        check_bid(offer, self._matcher)
        check_target(offer, target)
        stored = self._check(offer, offer.developer, signature)
        check_effectors(offer, self._fetch_traits(offer.app) if known is None else None)
        if permit is not None:
            self._check_permit(offer, parse_permit(permit))
        with self._database.write() as session:
            now = _now(session)
            if known is None:
                held = count_bids(session, offer.developer, now)
                self._check_room(session, held, client, now)
            kept, is_new = add_developer_offer(
                session,
                offer,
                signature=stored,
                permit=None if permit is None else dict(permit),
                source=OfferSource.POSTED if stored else OfferSource.PUBLISHED,
                received_at=now,
                client=client or None,
            )
            if is_new and target is not None:
                set_offer_target(session, Hash(kept.hash), target)
        return self._done("developer offer", kept.hash, is_new)

    def post_provider_offer(
        self, data: Mapping[str, Any], signature: str | None, *, client: str = ""
    ) -> Posted:
        """Check an ask and keep it. A known one is a no-op. Raises as for bids."""
        offer = parse_offer(ProviderOffer, data)
        if self._find(fetch_provider_offer, hash_offer(offer)) is not None:
            return Posted(hash_offer(offer), False)
        check_ask(offer)
        provider = self._standings.fetch_provider(offer.peer)
        stored = self._check(offer, provider, signature)
        with self._database.write() as session:
            now = _now(session)
            self._check_room(session, count_asks(session, provider, now), client, now)
            kept, is_new = add_provider_offer(
                session,
                offer,
                provider,
                signature=stored,
                source=OfferSource.POSTED if stored else OfferSource.PUBLISHED,
                received_at=now,
                client=client or None,
            )
        return self._done("provider offer", kept.hash, is_new)

    def withdraw(self, offer: Hash, owner: Address, signer: Address) -> None:
        """Take an offer out of this book at its owner's word.

        Raises Forbidden, NotFound, Conflict for one on chain: a book without it could not be told
        from one that hides it.
        """
        if signer != owner:
            raise Forbidden(
                f"the offer is of {owner}, the request of {signer}",
                field="Authorization",
                remedy="sign the request with the offer's account",
            )
        with self._database.write() as session:
            if is_approved(session, owner, offer):
                raise Conflict(
                    "the offer is published on chain, where every matcher finds it",
                    field="hash",
                    remedy="cancel it there: Market.cancel (`wasmarket offer cancel`)",
                )
            withdraw_offer(session, offer)
        logger.info("offer withdrawn", extra={"offer": offer})
        self._on_change()

    def _check(self, offer: Offer, account: Address, text: str | None) -> str | None:
        """Return the compact signature to keep, None when the chain's approval stands for it."""
        signature = parse_signature(text) if text else NO_SIGNATURE
        standing = self._standings.fetch(account, hash_offer(offer))
        with self._database.read() as session:
            now = _now(session)
        check_standing(offer, standing, now)
        check_signature(offer, signature, account, standing, self._domain)
        # Not before: nobody uses up an account's share with what it did not sign.
        self._limits.posts.check(account)
        return signature.to_hex() if self._is_by(signature, offer, account) else None

    def _check_room(self, session: Session, held: int, client: str, now: Timestamp) -> None:
        limits = self._limits
        if limits.per_account and held >= limits.per_account:
            raise LimitReached(
                f"{held} live offers of this account are here already",
                remedy="withdraw some (DELETE), or let them expire",
            )
        if limits.per_client and client:
            posted = count_posted_by(session, client, now)
            if posted >= limits.per_client:
                raise LimitReached(
                    f"{posted} live offers came from your address already",
                    remedy="withdraw some (DELETE), let them expire, or publish them on chain",
                )

    def _is_by(self, signature: Signature, offer: Offer, account: Address) -> bool:
        """Whether a signature is the account's own, or something that an approval outweighs."""
        try:
            return recover(digest(self._domain, hash_offer(offer)), signature) == account
        except InvalidSignature:
            return False

    def _check_permit(self, offer: DeveloperOffer, permit: MatchPermit) -> None:
        if self._token is None:
            self._token = self._usdc.permit_domain(self._domain.chain_id)
        nonce = self._usdc.permit_nonce(offer.developer)
        struct = hash_permit(
            offer.developer, self._domain.contract, permit.value, nonce, permit.deadline
        )
        signature = Signature(permit.r, permit.vs)
        signer = recover(digest(self._token, struct), signature, field="permit.signature")
        if signer != offer.developer:
            raise InvalidSignature(
                f"the permit is not {offer.developer}'s for Market with nonce {nonce}",
                field="permit.signature",
                remedy="sign the permit anew: spender Market, the token's own domain",
            )
        with self._database.read() as session:
            if permit.deadline < _now(session):
                raise InvalidInput(
                    "the permit's deadline is over",
                    field="permit.deadline",
                    remedy="sign the permit anew with a later deadline",
                )

    def _find(self, fetch: Callable[[Session, Hash], Stored], offer: Hash) -> Stored | None:
        with self._database.read() as session:
            try:
                return fetch(session, offer)
            except NotFound:
                return None

    def _done(self, what: str, offer: str, is_new: bool) -> Posted:
        if is_new:
            logger.info("%s listed", what, extra={"offer": offer})
        self._on_change()
        return Posted(Hash(offer), is_new)


def _now(session: Session) -> Timestamp:
    return Timestamp(fetch_indexed(session).timestamp)

"""Check offers that are posted to this matcher, keep those that hold, take them out again.

A post costs one reading of the store and one writing; its offer is hashed once and its signature
recovered once.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matcher.offers.funding import parse_permit
from matcher.offers.latencies import check_gateway
from matcher.offers.onchain_status import OnchainStatusReader
from matcher.offers.signed_wishes import dump_proof, target_request
from matcher.offers.validation import (
    check_ask,
    check_bid,
    check_effectors,
    check_signed_wish,
    check_signer,
    check_still_holds,
    check_target,
    find_signer,
    read_signed_wish,
)
from wasmarket.chain.contracts.bindings import Erc20
from wasmarket.chain.contracts.fills import MatchPermit
from wasmarket.kernel.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    InvalidSignature,
    LimitReached,
    Unauthorized,
)
from wasmarket.kernel.selection.wishes import SignedWish, dump_signed_wish
from wasmarket.kernel.signing.offers import DeveloperOffer, Offer, ProviderOffer, parse_offer
from wasmarket.kernel.signing.requests import Credentials, SignedRequest, authenticate
from wasmarket.kernel.signing.signatures import NO_SIGNATURE, Signature, parse_signature, recover
from wasmarket.kernel.signing.typed_data import Domain, digest, hash_offer, hash_permit
from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.serving.auth import refuse_used
from wasmarket.serving.callers.limits import RateLimit
from wasmarket.store.chain.state import is_approved
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import OfferSource
from wasmarket.store.matching.offer_counts import is_room_for_ask, is_room_for_bid
from wasmarket.store.matching.offers import (
    add_developer_offer,
    add_provider_offer,
    fetch_developer_offer,
    withdraw_offer,
)
from wasmarket.store.matching.peer_checks import hasten_peer_check
from wasmarket.store.matching.postings import (
    fetch_ask_posting,
    fetch_bid_posting,
    is_taken_from_chain,
)
from wasmarket.store.matching.request_nonces import use_nonce

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a posted offer. `is_plain`: new, and nobody has matched it yet."""

    hash: Hash
    is_new: bool
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Most offers that hold, per account and per client address; posts per minute and account."""

    per_account: int
    per_client: int
    posts: RateLimit


@dataclass(frozen=True, slots=True)
class _Checked:
    """What was learned of a posted offer while it was checked.

    `signature` is the compact one to keep, None when the chain's approval stands for it.
    """

    signature: str | None
    now: Timestamp

    @property
    def source(self) -> OfferSource:
        return OfferSource.POSTED if self.signature else OfferSource.PUBLISHED


@dataclass(frozen=True, slots=True)
class _SignedTarget:
    """A request that sets a target, and who signed it."""

    request: SignedRequest
    credentials: Credentials


class Intake:
    """Takes posted offers in, and out again at their owners' word."""

    def __init__(
        self,
        database: Database,
        onchain: OnchainStatusReader,
        usdc: Erc20,
        domain: Domain,
        matcher: Address,
        limits: DoorLimits,
        on_change: Callable[[], None],
        fetch_traits: Callable[[Hash], int | None],
        gateways: Sequence[str] = (),
    ) -> None:
        """`matcher` is the account that sends matches; `on_change` hears of every change.

        `fetch_traits` returns the traits that an app needs, None when that cannot be known here.
        `gateways` are those whose measurements are taken.
        """
        self._database = database
        self._onchain = onchain
        self._usdc = usdc
        self._domain = domain
        self._matcher = matcher
        self._limits = limits
        self._on_change = on_change
        self._fetch_traits = fetch_traits
        self._gateways = gateways
        self._token: Domain | None = None
        # SQLite has one writer, and lets those that wait sleep: the threads of this process take
        # turns here, where the next one begins at once.
        self._writing = threading.Lock()

    def post_developer_offer(
        self,
        data: Mapping[str, Any],
        signature: str | None,
        permit: Mapping[str, Any] | None = None,
        target: int | None = None,
        target_authorization: str | None = None,
        *,
        wish: Mapping[str, Any] | None = None,
        wish_signature: str | None = None,
        client: str = "",
    ) -> Posted:
        """Check a developer offer and keep it. A known one stays, but takes a newer permit.

        `target`: how many of its units are wanted for now, of a new offer only, and the
        Authorization header of the request that would set it. `wish`: what is asked of this
        matcher beside a new offer, signed. `client`: the address that sent it.
        Raises InvalidInput, InvalidSignature, Unauthorized, Expired, Conflict, LimitReached.
        """
        offer = parse_offer(DeveloperOffer, data)
        name = hash_offer(offer)
        with self._database.read() as session:
            found = fetch_bid_posting(session, name)
        asked = None if wish is None else read_signed_wish(wish, wish_signature)
        if found.is_known and asked is not None:
            self._check_same_wish(name, asked)
        if found.is_known and (permit is None or dict(permit) == found.permit):
            return Posted(name, False)
        check_bid(offer, self._matcher)
        check_target(offer, target)
        signed = self._check_signed(offer, name, target, target_authorization, found.now)
        check_signed_wish(asked, offer, name, self._domain)
        if asked is not None and not found.is_known:
            check_gateway(asked.wish, self._gateways)
        checked = self._check(offer, name, offer.developer, signature, found.now)
        check_effectors(offer, None if found.is_known else self._fetch_traits(offer.app))
        if permit is not None:
            self._check_permit(offer, parse_permit(permit), found.now)
        with self._writing, self._database.write() as session:
            if not found.is_known:
                self._check_room(
                    is_room_for_bid(
                        session,
                        offer.developer,
                        client,
                        found.now,
                        self._limits.per_account,
                        self._limits.per_client,
                    )
                )
            if signed is not None:
                _use_once(session, signed.credentials, found.now)
            _, is_new = add_developer_offer(
                session,
                offer,
                signature=checked.signature,
                permit=None if permit is None else dict(permit),
                source=checked.source,
                received_at=checked.now,
                client=client or None,
                name=name,
                target=target,
                target_proof=None if signed is None else dump_proof(signed.request),
                wish=None if asked is None else dump_signed_wish(asked),
            )
        return self._done("developer offer", Posted(name, is_new, is_new and not found.has_deal))

    def post_provider_offer(
        self, data: Mapping[str, Any], signature: str | None, *, client: str = ""
    ) -> Posted:
        """Check a provider offer and keep it. A known one stays. Raises as for developer offers."""
        offer = parse_offer(ProviderOffer, data)
        name = hash_offer(offer)
        with self._database.read() as session:
            found = fetch_ask_posting(session, name, offer.peer)
        if found.is_known:
            if found.is_unreachable:
                self._hasten(offer.peer)
            return Posted(name, False)
        check_ask(offer)
        provider = found.provider or self._onchain.fetch_provider(offer.peer)
        checked = self._check(offer, name, provider, signature, found.now)
        with self._writing, self._database.write() as session:
            self._check_room(
                is_room_for_ask(
                    session,
                    provider,
                    client,
                    found.now,
                    self._limits.per_account,
                    self._limits.per_client,
                )
            )
            _, is_new = add_provider_offer(
                session,
                offer,
                provider,
                signature=checked.signature,
                source=checked.source,
                received_at=checked.now,
                client=client or None,
                name=name,
            )
            hasten_peer_check(session, offer.peer)
        is_plain = is_new and not found.is_unreachable
        return self._done("provider offer", Posted(name, is_new, is_plain))

    def withdraw(self, offer: Hash, owner: Address, signer: Address) -> None:
        """Take an offer out of this matcher's order book at its owner's word.

        Raises Forbidden, NotFound, Conflict for one on chain: a book without it could not be told
        from one that hides it.
        """
        if signer != owner:
            raise Forbidden(
                f"the offer is of {owner}, the request of {signer}",
                field="Authorization",
                remedy="sign the request with the offer's account",
            )
        with self._writing, self._database.write() as session:
            if is_approved(session, owner, offer):
                raise Conflict(
                    "the offer is published on chain, where every matcher finds it",
                    field="hash",
                    remedy="cancel it there: Market.cancel (`wasmarket offer cancel`)",
                )
            withdraw_offer(session, offer)
        logger.info("offer withdrawn", extra={"offer": offer})
        self._on_change()

    def _check(
        self, offer: Offer, name: Hash, account: Address, text: str | None, now: Timestamp
    ) -> _Checked:
        """Check that an offer holds and is its account's. Raises as the posts."""
        signature = parse_signature(text) if text else NO_SIGNATURE
        status = self._onchain.fetch(account, name)
        check_still_holds(offer, status, now)
        signer = find_signer(signature, self._domain, name)
        check_signer(signature, signer, account, status)
        # Not before: nobody uses up an account's share with what it did not sign.
        self._limits.posts.check(account)
        if signer == account:
            return _Checked(signature.to_hex(), now)
        self._check_is_not_published(account, name)
        return _Checked(None, now)

    def _check_signed(
        self,
        offer: DeveloperOffer,
        name: Hash,
        target: int | None,
        authorization: str | None,
        now: Timestamp,
    ) -> _SignedTarget | None:
        """Check that the developer signed the target: nobody need believe the matcher's word."""
        if target is None:
            return None
        request = target_request(name, target, authorization or "")
        if not authorization:
            raise Unauthorized(
                "the target is not signed",
                field="target_authorization",
                remedy=f"sign `{request.method} {request.target}` with the body {request.body}",
            )
        body = request.body.encode()
        credentials = authenticate(
            authorization, request.method, request.target, body, self._domain, now
        )
        if credentials.address != offer.developer:
            raise Forbidden(
                f"the target is signed by {credentials.address}, the offer is {offer.developer}'s",
                field="target_authorization",
                remedy="sign the target with the offer's account",
            )
        return _SignedTarget(request, credentials)

    def _check_same_wish(self, name: Hash, asked: SignedWish) -> None:
        """Refuse another wish than the one that a known offer came with: it would change nothing.

        Raises Conflict.
        """
        with self._database.read() as session:
            kept = fetch_developer_offer(session, name).wish
        if kept is None or kept.wish != asked.wish:
            raise Conflict(
                "the offer is here already, "
                + ("without a wish" if kept is None else "with another"),
                field="wish",
                remedy="cancel it and sign a new offer with this wish",
            )

    def _check_is_not_published(self, account: Address, name: Hash) -> None:
        """Refuse to take in by hand what comes from the chain: its place there is its turn."""
        with self._database.read() as session:
            if is_taken_from_chain(session, account, name):
                raise Conflict(
                    "the offer is published on chain, from where it is taken in with its block",
                    field="signature",
                    remedy="wait for the next block, or post it with its signature",
                )

    def _check_room(self, problem: str) -> None:
        if problem:
            raise LimitReached(
                problem,
                remedy="withdraw some (DELETE), let them expire, or publish them on chain",
            )

    def _check_permit(self, offer: DeveloperOffer, permit: MatchPermit, now: Timestamp) -> None:
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
                remedy="sign the permit again: spender Market, the token's own domain",
            )
        if permit.deadline < now:
            raise InvalidInput(
                "the permit's deadline is over",
                field="permit.deadline",
                remedy="sign the permit again with a later deadline",
            )

    def _hasten(self, peer: int) -> None:
        with self._writing, self._database.write() as session:
            hasten_peer_check(session, peer)

    def _done(self, what: str, posted: Posted) -> Posted:
        if posted.is_new:
            logger.info("%s listed", what, extra={"offer": posted.hash})
        self._on_change()
        return posted


def _use_once(session: Session, credentials: Credentials, now: Timestamp) -> None:
    """Make the nonce of a signed target count once. Raises Conflict."""
    is_new = use_nonce(session, credentials.address, credentials.nonce, credentials.expires, now)
    if not is_new:
        refuse_used()

"""Put an offer keeper together: for the peer's own process, or for a process of the provider."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from peer.offers.matchers import MatcherDoor
from peer.offers.reconciler import OfferReconciler, Ways
from peer.offers.signed_offers import SignedOffers
from peer.offers.situation import SituationReader
from peer.policy.file import PolicyFile
from peer.policy.policy import Policy
from wasmarket.chain.contracts.bindings import Market
from wasmarket.chain.reading.blocks import Reader
from wasmarket.chain.sending.transactions import Submitter
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.serving.outgoing.http import create_http_client

MATCHER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Seller:
    """The provider's account, what sends its transactions, and the matchers it uses."""

    account: Account
    sender: Submitter
    matchers: tuple[str, ...]


def build_reconciler(
    seller: Seller,
    reader: Reader,
    deployment: Deployment,
    policy: PolicyFile,
    book: Path,
    peers: Callable[[], Sequence[int] | None],
    client: httpx.Client,
    may_sell: Callable[[], bool] = lambda: True,
) -> OfferReconciler:
    """Return the keeper of a provider's offers, remembered in the file `book`.

    `peers`: whose units are offered; empty: all that the provider has, None: not known yet.
    Nothing is offered while `may_sell` is false.
    """
    account = seller.account
    situations = SituationReader(reader, deployment, account.address)
    domain = market_domain(deployment.chain_id, deployment.market)
    market = Market(reader, deployment)

    def door(url: str) -> MatcherDoor:
        return MatcherDoor(url, client, domain, account.key, lambda: reader.fetch_head().timestamp)

    ways = Ways(
        read=lambda: situations.read(peers()),
        door=door,
        cancel=lambda offer: seller.sender.send(market.call("cancel", offer)),
    )

    def current() -> Policy:
        return policy.current if may_sell() else replace(policy.current, offers=None)

    return OfferReconciler(account, domain, current, SignedOffers(book), ways, seller.matchers)


def create_matcher_client() -> httpx.Client:
    """Return the connections to matchers; the caller closes them."""
    return create_http_client(timeout=MATCHER_SECONDS)

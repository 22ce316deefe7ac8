"""Put an offer keeper together: for the peer's own process, or for a process of the provider."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from chain.blocks import Reader
from chain.contracts import Market
from chain.transactions import Submitter
from chain.wallet import Account
from kernel.deployment import Deployment
from kernel.typed_data import market_domain
from peer.offers.book import OfferBook
from peer.offers.keeper import OfferKeeper, Ways
from peer.offers.matchers import MatcherDoor
from peer.offers.situation import SituationReader
from peer.policy_file import PolicyFile

MATCHER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Seller:
    """The provider's account, what sends its transactions, and the matchers it uses."""

    account: Account
    sender: Submitter
    matchers: tuple[str, ...]


def build_keeper(
    seller: Seller,
    reader: Reader,
    deployment: Deployment,
    policy: PolicyFile,
    book: Path,
    peers: Callable[[], Sequence[int] | None],
    client: httpx.Client,
) -> OfferKeeper:
    """Return the keeper of a provider's offers, remembered in the file `book`.

    `peers`: whose units are offered; empty: all that the provider has, None: not known yet.
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
    return OfferKeeper(
        account, domain, lambda: policy.current, OfferBook(book), ways, seller.matchers
    )


def create_matcher_client() -> httpx.Client:
    """Return the connections to matchers; the caller closes them."""
    return httpx.Client(timeout=MATCHER_SECONDS, trust_env=False)

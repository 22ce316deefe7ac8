"""Market, accounts: deposits, withdrawals, counters, published and cancelled offers, the admin."""

import json

from indexer.handlers.balances import get_account
from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.events import (
    CounterBumped,
    Deposited,
    OfferCancelled,
    OfferPublished,
    OwnershipOffered,
    OwnershipTransferred,
    Paused,
    Withdrawn,
)
from wasmarket.kernel.signing.offers import DeveloperOffer, Offer, ProviderOffer, dump_offer
from wasmarket.kernel.signing.published import decode_published
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.kernel.units import Address, Amount
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.enums import OfferKind, Uint
from wasmarket.store.tables import MarketStateRow, OfferCancellationRow, PeerRow, PublishedOfferRow

ACCOUNTS = Handlers()

MAX_ID = 2**63
"""Above it the store has no numbers, and the chain no peers."""


@ACCOUNTS.on(Deposited)
def deposited(scope: Scope, log: Log[Deposited]) -> None:
    """An account put money into its free balance."""
    get_account(scope.rows, log.event.account).free = Amount(log.event.free)


@ACCOUNTS.on(Withdrawn)
def withdrawn(scope: Scope, log: Log[Withdrawn]) -> None:
    """An account took free money out."""
    get_account(scope.rows, log.event.account).free = Amount(log.event.free)


@ACCOUNTS.on(CounterBumped)
def counter_bumped(scope: Scope, log: Log[CounterBumped]) -> None:
    """An account withdrew all its older offers."""
    get_account(scope.rows, log.event.account).counter = Uint(log.event.counter)


@ACCOUNTS.on(OfferCancelled)
def offer_cancelled(scope: Scope, log: Log[OfferCancelled]) -> None:
    """An account took one offer back; doing so again changes nothing."""
    key = (log.event.account, log.event.hash)
    if scope.rows.find(OfferCancellationRow, *key) is None:
        scope.rows.add(
            OfferCancellationRow, account=key[0], hash=key[1], block_number=log.block_number
        )


@ACCOUNTS.on(OfferPublished)
def offer_published(scope: Scope, log: Log[OfferPublished]) -> None:
    """An account approved a hash and showed bytes, which may be its offer or anything.

    Bytes that cannot be read never replace some that could.
    """
    event = log.event
    offer, problem = _read_offer(scope.rows, log)
    row = scope.rows.find(PublishedOfferRow, event.account, event.hash)
    if row is None:
        row = scope.rows.add(PublishedOfferRow, account=event.account, hash=event.hash)
    elif offer is None and row.offer is not None:
        return
    row.block_number, row.log_index = log.block_number, log.log_index
    row.data = "0x" + event.data.hex()
    row.kind = None if offer is None else _kind(offer)
    row.offer = None if offer is None else json.dumps(dump_offer(offer))
    row.problem = problem


def _read_offer(rows: ChainRows, log: Log[OfferPublished]) -> tuple[Offer | None, str | None]:
    try:
        offer = decode_published(log.event.data)
    except InvalidInput as error:
        return None, error.detail
    if hash_offer(offer) != log.event.hash:
        return None, "the published bytes are of another offer than the hash"
    owner = _owner(rows, offer)
    if owner not in (None, log.event.account):
        return None, "the offer is another account's: only its own can approve it"
    return offer, None


def _owner(rows: ChainRows, offer: Offer) -> Address | None:
    """Return whose offer it is; None for a peer that nobody has registered yet."""
    if isinstance(offer, DeveloperOffer):
        return offer.developer
    peer = rows.find(PeerRow, offer.peer) if offer.peer < MAX_ID else None
    return peer.provider if peer else None


def _kind(offer: Offer) -> OfferKind:
    return OfferKind.PROVIDER if isinstance(offer, ProviderOffer) else OfferKind.DEVELOPER


@ACCOUNTS.on(Paused)
def paused(scope: Scope, log: Log[Paused]) -> None:
    """New matches were paused or allowed again."""
    _get_market(scope.rows).paused = log.event.paused


@ACCOUNTS.on(OwnershipOffered)
def ownership_offered(scope: Scope, log: Log[OwnershipOffered]) -> None:
    """The admin named who may become owner."""
    _get_market(scope.rows).next_owner = log.event.next_owner


@ACCOUNTS.on(OwnershipTransferred)
def ownership_transferred(scope: Scope, log: Log[OwnershipTransferred]) -> None:
    """Ownership was accepted."""
    market = _get_market(scope.rows)
    market.owner, market.next_owner = log.event.owner, None


def _get_market(rows: ChainRows) -> MarketStateRow:
    market = rows.find(MarketStateRow, 1)
    if market is None:
        market = rows.add(MarketStateRow, id=1, paused=False, owner=None, next_owner=None)
    return market

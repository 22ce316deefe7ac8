"""The feed: after any history, reorgs included, it is what a fresh reading of the store gives."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from matcher.orderbook.document import BookHead, dump_book
from matcher.orderbook.incremental import Feed
from matcher.orderbook.snapshot import read_snapshot, to_demand
from tests.indexer.market_machine import PROFILE, IndexedMarket
from tests.model.machine import INDEX
from tests.wasmarket.store.stores import copy_store
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_hash
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.kernel.units import Hash
from wasmarket.store.database import Database
from wasmarket.store.enums import OfferSource
from wasmarket.store.matching.offers import (
    add_developer_offer,
    add_provider_offer,
    set_offer_target,
    withdraw_offer,
)
from wasmarket.store.matching.replacements import add_replacement

pytestmark = pytest.mark.unit

SIGNATURE = "0x" + "ab" * 64


def facts(snapshot: Any) -> Any:
    """Return all that a round is computed from, as one comparable value."""
    at = snapshot.at
    head = BookHead(at.chain_id, at.market, at.block, Hash(at.block_hash), at.timestamp)
    demands = [
        to_demand(e.stored, e.deal, snapshot.avoid, epoch_seconds=1) for e in snapshot.open.values()
    ]
    books = snapshot.books.items()
    documents = [
        dump_book(
            head,
            book,
            [demand for demand in demands if demand.kind == kind],
            snapshot.signatures,
            sorted(snapshot.absent),
        )
        for kind, book in books
    ]
    peers = [
        (asdict(peer), book.get_counter(peer.provider))
        for _, book in books
        for peer in book.peers()
    ]
    offers = {hash_: (e.stored.target, e.replacing) for hash_, e in snapshot.open.items()}
    return documents, peers, snapshot.signatures, offers, snapshot.paused, snapshot.avoid


def assert_same(feed: Feed, database: Database) -> None:
    with database.read() as session:
        fresh = read_snapshot(session)
    assert facts(feed.refresh()) == facts(fresh)


def kernel_offer(offer: Any) -> DeveloperOffer | ProviderOffer:
    """Return the kernel's offer for the model's."""
    members = {name: getattr(offer, name) for name in offer.__dataclass_fields__}
    if "app" in members:
        return DeveloperOffer(
            **({"meter": ZERO_ADDRESS} | members | {"app": to_hash(members["app"])})
        )
    return ProviderOffer(**({"kind": 0} | members))


class FedMarket(IndexedMarket):
    """A random market with reorgs; its bids and other people's asks are also in the matcher."""

    def prepare(self) -> None:
        super().prepare()
        self.feed = Feed(self.database)
        self.posted: list[Hash] = []

    def _offer(self, developer: str, **wishes: Any) -> Any:
        offer = super()._offer(developer, **wishes)
        if self.salt % 4:
            with self.database.write() as session:
                add_developer_offer(
                    session,
                    kernel_offer(offer),
                    signature=SIGNATURE,
                    permit=None,
                    source=OfferSource.POSTED,
                    received_at=1,
                )
            self.posted.append(hash_offer(kernel_offer(offer)))
        return offer

    @rule(
        index=INDEX,
        price=st.integers(1, 20),
        kind=st.sampled_from((0, 0, 1)),
        seconds=st.sampled_from((50, 300, 10_000)),
        ahead=st.sampled_from((0, 0, 0, 1)),
        how=st.sampled_from(("signed", "signed", "published", "another's")),
    )
    def post_ask(
        self, index: int, price: int, kind: int, seconds: int, ahead: int, how: str
    ) -> None:
        number, market = self._peer(index), self.law.market
        peer = market.peers.get(number)
        provider = peer.provider if peer else self.roles["provider"]
        if how == "another's":
            provider = self.roles["stranger"]
        self.salt += 1
        counter = market.counter[provider] + ahead
        until = self.law.clock.now + seconds
        ask = ProviderOffer(number, kind, price, ZERO_ADDRESS, until, counter, self.salt)
        published = how == "published"
        with self.database.write() as session:
            add_provider_offer(
                session,
                ask,
                provider,
                signature=None if published else SIGNATURE,
                source=OfferSource.PUBLISHED if published else OfferSource.POSTED,
                received_at=1,
            )
        self.posted.append(hash_offer(ask))
        if published:
            self.call("market", "publish", provider, hash_offer(ask), encode_published(ask))

    @rule(index=INDEX, what=st.sampled_from(("withdraw", "cancel", "bump", "target", "replace")))
    def change_offer(self, index: int, what: str) -> None:
        provider = self.roles["provider"]
        if what == "bump":
            self.call("market", "bump_counter", provider)
        if what == "replace":
            for number, assignment in list(self.law.market.assignments.items())[:1]:
                with self.database.write() as session:
                    add_replacement(session, number, assignment.deal, 1)
        if not self.posted:
            return
        offer = self.posted[index % len(self.posted)]
        if what == "cancel":
            self.call("market", "cancel", provider, offer)
        with self.database.write() as session:
            if what == "withdraw":
                withdraw_offer(session, offer)
            if what == "target":
                with suppress(NotFound):  # it is an ask
                    set_offer_target(session, offer, index)

    @rule()
    def restart(self) -> None:
        self.feed = Feed(self.database)

    @invariant()
    def feed_is_a_fresh_reading(self) -> None:
        if self.chain.blocks:
            assert_same(self.feed, self.database)

    def teardown(self) -> None:
        self.writer.close()
        self.database.close()


def fed_in(new_store: Callable[[], Database]) -> type[FedMarket]:
    """Return the machine with stores of one kind."""

    class Machine(FedMarket):
        def prepare(self) -> None:
            super().prepare()
            self.law.market.key_of = lambda offer: hash_offer(kernel_offer(offer))

    Machine.new_store = staticmethod(new_store)  # type: ignore[method-assign]
    return Machine


def test_feed__random_history_with_reorgs__equals_a_fresh_reading(template, tmp_path):
    numbers = iter(range(10**6))

    def new_store() -> Database:
        return copy_store(template, tmp_path / f"fed{next(numbers)}.sqlite")

    run_state_machine_as_test(fed_in(new_store), settings=PROFILE)

"""What a block costs the matcher: the long-lived book brought up to date, or read anew."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.matcher.rows import Row
from indexer.apply import apply_logs
from matcher.orderbook.incremental import Feed
from matcher.orderbook.snapshot import read_snapshot
from wasmarket.chain.reading.blocks import Block, BlockRef, Log
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, to_address, to_hash
from wasmarket.kernel.events import Event, PeerRegistered, PeerUnits
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.signing.offers import ProviderOffer
from wasmarket.kernel.units import Address, BlockNumber, Hash, Timestamp
from wasmarket.store.chain.writer import ChainWriter
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.store.enums import OfferSource
from wasmarket.store.matching.offers import add_provider_offer
from wasmarket.store.migrate import upgrade
from wasmarket.testing.fake_chain import fake_deployment

PEERS = 2_000
ASKS = 20_000
BLOCKS = 40
CHANGES = 10
GENESIS = 1_700_000_000
SIGNATURE = "0x" + "ab" * 64
MILLISECONDS = 1_000


def measure() -> Iterator[Row]:
    """Fill a store, then time whole readings, blocks with and without changes, and new offers."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(sqlite_url(Path(folder) / "store.sqlite"))
        upgrade(database)
        market = _Market(database)
        market.fill()
        yield from _measure(database, market)
        market.writer.close()
        database.close()


def _measure(database: Database, market: "_Market") -> Iterator[Row]:
    feed = Feed(database)
    feed.refresh()
    whole = _median(3, lambda _: None, lambda: _read(database))
    name = f"book of {ASKS:,} asks brought up to a block"
    yield Row(f"book of {ASKS:,} asks read anew (SQLite)", whole, "ms")
    for what, change in (
        ("without changes", lambda _: market.mine()),
        (f"with {CHANGES} peers changed", market.change_peers),
        (f"with {CHANGES} new asks", lambda turn: market.post(ASKS + CHANGES * turn, CHANGES)),
    ):
        spent = _median(BLOCKS, change, feed.refresh)
        yield Row(f"{name} {what}, median", spent, "ms", peer=("anew", whole))
    if feed.rebuilds != 1:
        raise AssertionError("the feed began anew")


def _read(database: Database) -> None:
    with database.read() as session:
        read_snapshot(session)


def _median(times: int, before: Callable[[int], object], timed: Callable[[], object]) -> float:
    """Return the median time in milliseconds of what follows each preparation."""
    spent = []
    for turn in range(times):
        before(turn)
        start = time.perf_counter()
        timed()
        spent.append(time.perf_counter() - start)
    return round(sorted(spent)[times // 2] * MILLISECONDS, 2)


class _Market:
    """A store with peers and asks, and blocks on top."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.deployment = fake_deployment()
        self.writer = ChainWriter(database, self.deployment)
        self.writer.open()
        self.number, self.parent = self.deployment.block - 1, ZERO_HASH

    def fill(self) -> None:
        """Register the peers and post the asks."""
        self.mine(*(_registered(number) for number in range(1, PEERS + 1)))
        self.post(0, ASKS)

    def mine(self, *events: Event) -> None:
        """Index a block with these events, one second after the last."""
        self.number += 1
        hash_ = to_hash(keccak(f"block {self.number}".encode()))
        ref = BlockRef(
            BlockNumber(self.number), hash_, self.parent, Timestamp(GENESIS + self.number)
        )
        address, tx = self.deployment.market, Hash(hash_)
        logs = tuple(
            Log(event, address, ref.number, ref.hash, tx, place, ref.timestamp)
            for place, event in enumerate(events)
        )
        block = Block(ref, logs)
        self.writer.apply(ref, lambda rows: apply_logs(rows, self.deployment, [block]))
        self.parent = hash_

    def change_peers(self, turn: int) -> None:
        """Index a block in which some peers sell another number of units."""
        first = turn * CHANGES
        numbers = [(first + place) % PEERS + 1 for place in range(CHANGES)]
        self.mine(*(PeerUnits(number, 8 + turn % 7) for number in numbers))

    def post(self, first: int, count: int) -> None:
        """Post asks, and index a block."""
        with self.database.write() as session:
            for salt in range(first, first + count):
                peer = salt % PEERS + 1
                ask = ProviderOffer(peer, 0, 1_000 + salt % 977, ZERO_ADDRESS, 2**40, 0, salt)
                add_provider_offer(
                    session,
                    ask,
                    _provider(peer),
                    signature=SIGNATURE,
                    source=OfferSource.POSTED,
                    received_at=Timestamp(GENESIS),
                )
        self.mine()


def _provider(peer: int) -> Address:
    return to_address(keccak(f"provider {peer // 4}".encode())[12:])


def _registered(number: int) -> PeerRegistered:
    owner, key = _provider(number), to_hash(keccak(f"peer {number}".encode()))
    return PeerRegistered(number, owner, key, 8, 2_048, number % 200, 0, owner, "http://peer")

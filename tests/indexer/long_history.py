"""A chain much longer than what may be undone, and stores that were filled from it in two ways."""

import threading

from prometheus_client import CollectorRegistry

from bench.indexer.history import EPOCH_SECONDS, GeneratedMarket
from indexer.apply import apply_logs
from indexer.loop import IndexLoop
from indexer.progress import Board
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.follower import Follower
from wasmarket.store.chain.writer import ChainWriter
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

NEVER = threading.Event()


def make_long_chain(events: int = 3_000) -> FakeChain:
    """Mine a generated market of blocks that are final, then 70 that are not."""
    chain = FakeChain(fake_deployment(epoch_seconds=EPOCH_SECONDS))
    market = GeneratedMarket(7, peers=60, deals_an_epoch=30)
    for second, part in market.blocks(events, 12):
        chain.mine(*part, timestamp=second)
    chain.mine_many(70)
    return chain


def index_at_once(database, chain) -> None:
    """Fill a store as an indexer does that finds a long chain."""
    loop = IndexLoop(database, chain, chain.deployment, Board(CollectorRegistry()))
    try:
        loop.take_turn(NEVER)
    finally:
        loop.close()


def index_one_by_one(database, chain) -> None:
    """Fill a store block by block, each with a record of how rows were before."""
    deployment = chain.deployment
    writer = ChainWriter(database, deployment)
    writer.open()
    follower = Follower(chain, deployment, Decoder(deployment), depth=10**6)
    for block in follower.poll([]):
        writer.apply(block.ref, lambda rows, block=block: apply_logs(rows, deployment, [block]))
    writer.close()

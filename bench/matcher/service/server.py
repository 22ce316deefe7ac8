"""A matcher with a store of many offers, as a process of its own on one core, for `http`."""

import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import insert

from bench.matcher.markets import NOW, Shape, draw_asks, draw_peers
from indexer.loop import IndexLoop
from indexer.progress import Board
from matcher.run import build_matcher
from matcher.settings import MatcherSettings
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import ZERO_HASH
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket.serving.server import bind, serve
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.store.enums import OfferSource
from wasmarket.store.migrate import upgrade
from wasmarket.store.tables import PeerRow, ProviderOfferRow
from wasmarket.testing.fake_chain import FakeChain, fake_deployment
from wasmarket.testing.fake_sender import FakeSender
from wasmarket_cli.logs import configure_logging

CHUNK = 10_000
SIGNATURE = "0x" + "1b" * 64


def main(offers: int, core: int) -> None:
    """Serve a market of so many offers on one core until told to stop; print the URL."""
    os.sched_setaffinity(0, {core})
    configure_logging()
    deployment = fake_deployment()
    chain = FakeChain(deployment)
    chain.answer("Market", "account_word", 0)
    chain.answer("Market", "offer_word", 0)
    chain.mine(timestamp=NOW)
    sender = FakeSender(chain, Account.from_key(b"\x01" * 32).address)
    with tempfile.TemporaryDirectory() as folder, create_http_client() as http:
        database = open_database(sqlite_url(Path(folder) / "store.sqlite"))
        upgrade(database)
        index = IndexLoop(database, chain, deployment, Board(CollectorRegistry()))
        index.take_turn(threading.Event())
        index.close()
        _fill(database, Shape(offers))
        matcher = build_matcher(
            MatcherSettings(submit=False, peer_check_seconds=0, posts_per_minute=0),
            database=database,
            deployment=deployment,
            reader=chain,
            sender=sender,
            version="bench",
            http=http,
        )
        serve(matcher.app, bind("127.0.0.1", 0), _say_ready)
        database.close()


def _say_ready(url: str) -> None:
    print(json.dumps({"ready": True, "url": url}), flush=True)


def _fill(database: Database, shape: Shape) -> None:
    peers = list(draw_peers(shape))
    providers = {peer.id: peer.provider for peer in peers}
    _insert(database, PeerRow, (_peer_row(peer) for peer in peers))
    rows = (
        {
            "sequence": ask.sequence + 1,
            "hash": ask.hash,
            "provider": providers[ask.offer.peer],
            "peer": ask.offer.peer,
            "price": ask.offer.price,
            "developer": ask.offer.developer,
            "valid_until": ask.offer.valid_until,
            "counter": ask.offer.counter,
            "salt": ask.offer.salt,
            "signature": SIGNATURE,
            "source": OfferSource.POSTED,
            "received_at": NOW,
            "withdrawn": False,
            "changed": 0,
        }
        for ask in draw_asks(shape)
    )
    _insert(database, ProviderOfferRow, rows)


def _peer_row(peer: Any) -> dict[str, Any]:
    return {
        "id": peer.id,
        "provider": peer.provider,
        "key": ZERO_HASH,
        "units": peer.units,
        "used": peer.used,
        "memory_mib": peer.memory_mib,
        "region": peer.region,
        "traits": peer.traits,
        "wallet": peer.provider,
        "endpoint": f"http://peer{peer.id}",
        "registered_block": 1,
        "registered_at": NOW,
    }


def _insert(database: Database, kind: Any, rows: Iterator[dict[str, Any]]) -> None:
    while chunk := list(islice(rows, CHUNK)):
        with database.write() as session:
            session.execute(insert(kind), chunk)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""The market of `markets` in a store, as an indexer and a door would have left it."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from bench.matcher.markets import NOW, Shape, draw_asks, draw_peers
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Address
from wasmarket.store.chain.row_plans import plan_of
from wasmarket.store.database import Database
from wasmarket.store.enums import OfferSource
from wasmarket.store.tables import CursorRow, PeerRow, ProviderOfferRow

PAGE = 20_000


def fill_store(database: Database, shape: Shape) -> None:
    """Write the peers and the asks of a market into an empty, migrated store."""
    providers: dict[int, Address] = {}
    with database.write() as session:
        session.add(
            CursorRow(
                id=1,
                chain_id=1,
                market="0x" + "11" * 20,
                epoch_seconds=3_600,
                proof_window=1,
                block_number=1_000,
                block_hash="0x" + "22" * 32,
                timestamp=NOW,
            )
        )
    peers = []
    for peer in draw_peers(shape):
        providers[peer.id] = peer.provider
        peers.append(
            {
                "id": peer.id,
                "provider": peer.provider,
                "key": "0x" + f"{peer.id:064x}",
                "units": peer.units,
                "used": peer.used,
                "memory_mib": peer.memory_mib,
                "region": peer.region,
                "traits": peer.traits,
                "wallet": peer.provider,
                "endpoint": f"https://peer-{peer.id}.example",
                "registered_block": 1,
                "registered_at": NOW,
            }
        )
    write_rows(database, PeerRow, peers)
    write_rows(database, ProviderOfferRow, _asks(shape, providers))


def _asks(shape: Shape, providers: dict[int, Address]) -> Iterable[dict[str, Any]]:
    for ask in draw_asks(shape):
        first = sha256(ask.hash.encode())
        yield {
            "hash": ask.hash,
            "provider": providers[ask.offer.peer],
            "peer": ask.offer.peer,
            "price": ask.offer.price,
            "developer": ask.offer.developer,
            "valid_until": ask.offer.valid_until,
            "counter": ask.offer.counter,
            "salt": int.from_bytes(first, "big"),
            "signature": "0x" + (first + sha256(first)).hex(),
            "source": OfferSource.POSTED,
            "received_at": NOW,
            "withdrawn": False,
            "changed": 1,
            "client": None,
            "kind": int(ask.offer.kind),
        }


def write_rows(database: Database, kind: type[Any], rows: Iterable[dict[str, Any]]) -> None:
    """Add rows to a table, a page at a time."""
    plan, left = plan_of(kind), iter(rows)
    with database.connect() as connection:
        while page := list(islice(left, PAGE)):
            plan.insert(connection, [tuple(row[name] for name in plan.names) for row in page])

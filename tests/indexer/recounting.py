"""Figures of a store against those counted from the logs of its blocks, for every peer."""

from typing import Any

from tests.indexer.market_history import Chain
from wasmarket.client.reputation.recount import LogCounter
from wasmarket.store.chain.peers import fetch_peers
from wasmarket.store.chain.reputation.named_events import (
    WhoseEvents,
    fetch_named_events,
    fetch_proofs,
)
from wasmarket.store.chain.reputation.reading import fetch_peer_records, fetch_reputation
from wasmarket.store.chain.state import fetch_indexed

MANY = 10_000


def check_reputations(database: Any, chain: Chain) -> int:
    """Assert that figures and events of all peers and providers agree; return how many events."""
    logs = [log for block in chain.blocks for log in block.logs]
    with database.read() as session:
        at = fetch_indexed(session)
        records = fetch_peer_records(session, at)
        peers = fetch_peers(session, limit=None)
        whose = [({"peer": peer.id}, {peer.id}) for peer in peers]
        whose += [
            ({"provider": owner}, {peer.id for peer in peers if peer.provider == owner})
            for owner in sorted({peer.provider for peer in peers})
        ]
        counted = 0
        for of, numbers in whose:
            counter = LogCounter(chain.deployment, frozenset(numbers))
            counter.apply(logs)
            recount = counter.finish(at.timestamp)
            view = fetch_reputation(session, at, **of)
            assert view is not None
            assert view.windows == recount.windows
            assert view.days == recount.days
            assert (view.since, view.units) == (recount.since, recount.units)
            found = fetch_named_events(session, WhoseEvents(**of), (), limit=MANY)
            found += fetch_proofs(session, WhoseEvents(**of), at.epoch_seconds, limit=MANY)
            places = {(e.block, e.log_index, e.tx_hash, e.kind, e.peer) for e in found}
            assert places >= {(e.block, e.log_index, e.tx, e.kind, e.peer) for e in recount.events}
            counted += len(recount.events)
            if "peer" in of:
                record, month = records[of["peer"]], recount.windows[30]
                assert (record.uptime_ppm, record.evictions) == (month.uptime_ppm, month.evictions)
    return counted

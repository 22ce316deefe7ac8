"""The peers of a deal as the chain has them: who is assigned now, where, and under which key."""

from dataclasses import dataclass
from typing import Any, Final

from wasmarket.chain.contracts.abi import load_abi
from wasmarket.chain.errors import RpcError
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import NotFound

LIVE_STATES: Final = (1, 2, 4)
"""PENDING, ACTIVE, METERED."""
LEAST_SPAN: Final = 1_000
"""Blocks of a request that no node refuses for its length."""


@dataclass(frozen=True, slots=True)
class DealPeer:
    """A peer with a live assignment; `endpoint` is where a matcher says that it is."""

    number: int
    endpoint: str


def find_live_peers(client: DeveloperClient, wiring: Wiring, deal: int) -> list[DealPeer]:
    """Return a deal's peers. A matcher names its assignments, the chain says which are live.

    Raises NotFound where there is none.
    """
    rows = client.deal(deal)["assignments"]
    endpoints = {int(row["peer"]): str(row["endpoint"] or "") for row in rows}
    views = wiring.lens.assignments([int(row["id"]) for row in rows]) if rows else []
    live = {
        view.peer
        for view in views
        if view.deal == deal and view.alive and view.state in LIVE_STATES
    }
    peers = [DealPeer(peer, endpoints[peer]) for peer in sorted(live) if endpoints.get(peer)]
    if not peers:
        raise NotFound(
            f"deal {deal} has no live peer", field="deal", remedy=f"see `wasmarket status {deal}`"
        )
    return peers


def fetch_keys(wiring: Wiring, peers: list[int]) -> dict[int, bytes]:
    """Return the Ed25519 key under which each peer is registered, from the chain's own log.

    What a matcher says of a key is not enough: whoever seals to a wrong one gives a secret away.
    """
    deployment, rpc = wiring.deployment, wiring.rpc
    topics: list[Any] = [
        load_abi("Market").events["PeerRegistered"].topic,
        [f"0x{peer:064x}" for peer in peers],
    ]
    keys: dict[int, bytes] = {}
    first, last = int(deployment.block), int(rpc.fetch_block_number())
    span = last - first + 1
    # The newest first: a deal's peers are rarely the oldest ones.
    while last >= first and len(keys) < len(peers):
        begin = max(first, last - span + 1)
        try:
            logs = rpc.fetch_topic_logs(deployment.market, topics, begin, last)
        except RpcError:
            if span <= LEAST_SPAN:
                raise
            span = max(LEAST_SPAN, span // 2)
            continue
        for log in logs:
            keys[int(log.topics[1], 16)] = bytes.fromhex(log.data[2:66])
        last = begin - 1
    missing = sorted(set(peers) - keys.keys())
    if missing:
        raise NotFound(f"the chain's log has no registration of peer {missing[0]}", field="peer")
    return keys

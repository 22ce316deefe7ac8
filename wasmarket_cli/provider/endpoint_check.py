"""Ask an endpoint for its peer's key before it is paid for on chain."""

import asyncio

from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import Conflict
from wasmarket.kernel.signing.identity import PeerIdentity
from wasmarket.kernel.units import Hash
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outbound_http import create_async_client
from wasmarket.serving.peers.identity import NotThePeer, fetch_identity

SECONDS = 3.0


def check_endpoint(wiring: Wiring, endpoint: str, peer: int = 0, *, key: Hash | None = None) -> str:
    """Return a warning where the peer does not answer yet, empty where it does.

    `peer` is its number, 0 for one that is not registered yet; `key` its key, where that is known.
    Raises Conflict for an endpoint where another peer answers: nobody would match this one there.
    """
    try:
        found = asyncio.run(_ask(wiring, endpoint))
    except NotThePeer as error:
        return (
            f"the peer does not answer at {endpoint} yet ({error.detail}): matchers pass its offers"
            " over until it does"
        )
    if key is not None and found.key != key:
        raise Conflict(
            f"another peer answers at {endpoint}, with the key {found.key}",
            field="endpoint",
            remedy="give the peer an endpoint of its own",
        )
    if found.peer not in (0, peer):
        raise Conflict(
            f"the peer that answers at {endpoint} is peer {found.peer}",
            field="endpoint",
            remedy="give each peer an endpoint of its own",
        )
    return ""


async def _ask(wiring: Wiring, endpoint: str) -> PeerIdentity:
    # The provider names its own machine: it may be anywhere.
    outbound = Outbound(allow_private=True)
    try:
        async with create_async_client(outbound) as http:
            return await fetch_identity(http, endpoint, wiring.domain, SECONDS)
    finally:
        outbound.close()

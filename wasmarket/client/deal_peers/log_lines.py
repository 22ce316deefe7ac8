"""Read what a deal's functions logged, through restarts of the peer that tells."""

import json
import time
from collections.abc import Iterator

import httpx

from wasmarket.client.service import ServiceClient
from wasmarket.kernel.errors import TimedOut, Unreachable

PAUSE_SECONDS = 1.0
BACKLOG = 1_000
"""Lines asked for after a break, of which those that came before are left out."""


def read_logs(
    gateway: ServiceClient, deal: int, *, follow: bool, peer: int | None = None
) -> Iterator[str]:
    """Yield a deal's log lines, each a JSON object; with `follow` also those to come.

    Of one `peer`, else of the one that the gateway chooses.

    A peer that restarts, or another one in its place, is asked again and goes on after the line
    that came last. Raises Unreachable at the first try only, and refusals always.
    """
    path = f"/v1/deals/{deal}/logs"
    params: dict[str, str] = {} if peer is None else {"peer": str(peer)}
    if not follow:
        yield from gateway.lines(path, params, signed=True)
        return
    last = (-1, -1)
    params["follow"] = "true"
    began = False
    while True:
        try:
            for line in gateway.lines(path, params, signed=True):
                began = True
                entry = json.loads(line)
                # By time first: another peer of the deal numbers its own lines.
                place = (entry["time"], entry["number"])
                if place > last:
                    last = place
                    yield line
            began = True
        except httpx.TransportError:
            # It broke in the middle: before, it would be Unreachable.
            began = True
        except (Unreachable, TimedOut):
            if not began:
                raise
        params["limit"] = str(BACKLOG)
        time.sleep(PAUSE_SECONDS)

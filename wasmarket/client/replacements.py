"""Have the units of assignments given elsewhere, before those are dropped."""

import time
from collections.abc import Iterator, Sequence

from wasmarket.client.service import ServiceClient
from wasmarket.kernel.errors import TimedOut

REPLACED = frozenset({"ready", "done"})
"""States of a replacement in which the old assignment can go without a gap."""
LOOK_SECONDS = 0.2


def replace_assignments(
    matcher: ServiceClient, assignments: Sequence[int], seconds: float
) -> Iterator[dict[int, str]]:
    """Yield how far the replacement of each assignment is, until all are ready.

    Raises Conflict where an offer leaves no room, TimedOut after `seconds`: the wishes stay.
    """
    until = time.monotonic() + seconds
    deals = {id_: int(matcher.get(f"/v1/assignments/{id_}")["deal"]) for id_ in assignments}
    for id_, deal in deals.items():
        path = f"/v1/deals/{deal}/replacements"
        matcher.send("POST", path, value={"assignment": id_}, signed=True)
    last: dict[int, str] = {}
    while True:
        states = {
            row["assignment"]: str(row["status"])
            for deal in sorted(set(deals.values()))
            for row in matcher.items(f"/v1/deals/{deal}/replacements")
            if row["assignment"] in deals
        }
        if states != last:
            yield states
            last = states
        if all(state in REPLACED for state in states.values()):
            return
        if time.monotonic() > until:
            raise TimedOut(
                f"not every replacement is active after {seconds:.0f} s",
                remedy="the wishes stay, and `wasmarket explain DEAL` says what they wait for:"
                " say it again later, or drop without a replacement",
            )
        time.sleep(LOOK_SECONDS)

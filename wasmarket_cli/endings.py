"""Say how assignments ended: what happened, when, why, and what to do about it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wasmarket.client.service import ServiceClient
from wasmarket.kernel.errors import TimedOut, Unreachable
from wasmarket_cli.output import print_table, say, write_time

SHOWN = 5
"""Newest endings that a status shows."""
FOR_DEVELOPERS: Mapping[str, str] = {
    "evicted": "the matcher looks for other units by itself; what was not proven comes back",
    "released": "the matcher looks for other units by itself",
    "left": "the matcher tries other peers; if all leave for one reason, mend that",
    "dropped": "nothing: you did it",
}
FOR_PROVIDERS: Mapping[str, str] = {
    "evicted": "find out why the peer was away (`wasmarket peer status`), then give its units"
    " back: `wasmarket peer set-units`",
    "dropped": "nothing: the developer did it",
}


def newest_endings(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the assignments that ended last, newest first."""
    ended = [row for row in rows if row["ended_kind"] is not None]
    return sorted(ended, key=lambda row: (row["ended_at"] or 0, row["id"]), reverse=True)[:SHOWN]


def fetch_endings(
    matcher: ServiceClient, whose: Mapping[str, object]
) -> list[Mapping[str, Any]] | None:
    """Return the newest endings of a `provider` or `peer`, None if the matcher is not reached."""
    try:
        return newest_endings(matcher.items("/v1/assignments", whose))
    except (Unreachable, TimedOut):
        return None


def print_endings(rows: Sequence[Mapping[str, Any]] | None, advice: Mapping[str, str]) -> None:
    """Write a table of assignments that have ended; nothing where there are none."""
    if rows is None:
        say("the matcher is not reached: it knows which assignments have ended and why", err=True)
    if not rows:
        return
    print_table(
        "Ended lately",
        ["#id", "#deal", "#peer", "when", "how", "why", "what to do"],
        [
            (
                row["id"],
                row["deal"],
                row["peer"],
                write_time(row["ended_at"]) if row["ended_at"] else "",
                row["ended_kind"],
                row["why_text"] or "",
                advice.get(row["ended_kind"], ""),
            )
            for row in rows
        ],
    )

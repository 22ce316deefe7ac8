"""Compare what a matcher says of a reputation with what the chain's logs give."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wasmarket.client.reputation.recount import CountedEvent, Recount
from wasmarket.kernel.reputation.figures import EpochOfPeers, Figures
from wasmarket.kernel.reputation.kinds import ReputationKind

OF_WINDOW = (
    "first",
    "last",
    "active",
    "proven",
    "uptime_ppm",
    "in_time_ppm",
    "billed",
    "proven_pay",
    "evictions",
    "faults",
    "audits_won",
    "audits_lost",
    "paid",
    "refunded",
    "seized",
)
OF_EPOCH = ("active", "proven", "assignments", "units", "billed", "proven_pay")
NOTHING = EpochOfPeers(0, 0, 0, 0, 0, 0, 0)

Value = int | str | None
Flat = dict[tuple[str, str], Value]
"""By place and figure, for instance ("30 epochs", "uptime_ppm")."""


@dataclass(frozen=True, slots=True)
class FigureDifference:
    """One figure that is not what the chain's logs give; None: one side has nothing there."""

    where: str
    figure: str
    said: Value
    counted: Value


def compare(
    said: Mapping[str, Any],
    events: Iterable[Mapping[str, Any]],
    recount: Recount,
    bond_per_unit: int,
) -> list[FigureDifference]:
    """Return every difference between a matcher's answer and a recount up to the same block.

    `events`: all that the matcher names for the longest window, commitments included.
    """
    theirs = flatten_answer(said) | _flatten_named(events)
    ours = flatten_recount(recount, bond_per_unit) | _flatten_counted(recount.events)
    return [
        FigureDifference(where, figure, theirs.get((where, figure)), ours.get((where, figure)))
        for where, figure in sorted(theirs.keys() | ours.keys(), key=_order)
        if theirs.get((where, figure)) != ours.get((where, figure))
    ]


def flatten_answer(said: Mapping[str, Any]) -> Flat:
    """Return a matcher's answer figure by figure."""
    flat: Flat = {}
    for name in ("epoch", "final_epoch", "registered_epoch", "bond"):
        flat["now", name] = _number(said[name])
    for window in said["windows"]:
        where = f"{window['epochs']} epochs"
        flat.update({(where, name): _number(window[name]) for name in OF_WINDOW})
        flat.update({(where, kind): _number(n) for kind, n in window["counts"].items()})
        for entry in window["reasons"]:
            flat[where, f"{entry['kind']} for {entry['reason']}"] = _number(entry["count"])
    for day in said["epochs"]:
        where = f"epoch {day['epoch']}"
        flat.update({(where, name): _number(day[name]) for name in OF_EPOCH})
        flat.update({(where, kind): _number(n) for kind, n in day["counts"].items()})
    return flat


def flatten_recount(recount: Recount, bond_per_unit: int) -> Flat:
    """Return a recount under the same names."""
    flat: Flat = {
        ("now", "epoch"): recount.epoch,
        ("now", "final_epoch"): recount.final_epoch,
        ("now", "registered_epoch"): recount.since,
        ("now", "bond"): recount.units * bond_per_unit,
    }
    for window, figures in recount.windows.items():
        flat |= _flatten_figures(f"{window} epochs", figures)
    days = {day.epoch: day for day in recount.days}
    counts: dict[int, Counter[str]] = {}
    for event in recount.events:
        if event.kind is not None:
            counts.setdefault(event.epoch, Counter())[event.kind.value] += 1
    for epoch in days | counts:
        where = f"epoch {epoch}"
        day = days.get(epoch, NOTHING)
        flat.update({(where, name): getattr(day, name) for name in OF_EPOCH})
        flat.update({(where, kind): n for kind, n in counts.get(epoch, {}).items()})
    return flat


def _flatten_figures(where: str, figures: Figures) -> Flat:
    flat: Flat = {(where, name): getattr(figures, name) for name in OF_WINDOW}
    flat.update({(where, kind.value): figures.count(kind) for kind in ReputationKind})
    for kind, reasons in figures.reasons.items():
        flat.update({(where, f"{kind.value} for {n}"): count for n, count in reasons.items()})
    return flat


def _flatten_named(events: Iterable[Mapping[str, Any]]) -> Flat:
    return {
        (_place(e["in_block"], e["log_index"]), "event"): _write(
            e["kind"], e["peer"], e["reason"], e["tx"], e["proven_epoch"]
        )
        for e in events
    }


def _flatten_counted(events: Iterable[CountedEvent]) -> Flat:
    return {
        (_place(e.block, e.log_index), "event"): _write(
            e.kind.value if e.kind else "committed", e.peer, e.reason, e.tx, e.proven_epoch
        )
        for e in events
    }


def _place(block: int, log_index: int) -> str:
    return f"block {block} log {log_index}"


def _write(kind: str, peer: int, reason: int | str | None, tx: str, epoch: int | None) -> str:
    why = "" if reason is None else f" for {reason}"
    of = "" if epoch is None else f" to epoch {epoch}"
    return f"{kind}{of}{why} of peer {peer} in {tx}"


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _order(key: tuple[str, str]) -> tuple[int, str, int, int, str]:
    """Sort what is as of now first, then windows, epochs and events, by number."""
    where, figure = key
    words = where.split()
    numbers = [int(word) for word in words if word.isdecimal()] or [0]
    kind = 0 if where == "now" else 2
    if words[-1] == "epochs":
        return 1, "", numbers[0], 0, figure
    return kind, words[0] if kind else "", numbers[0], numbers[-1], figure

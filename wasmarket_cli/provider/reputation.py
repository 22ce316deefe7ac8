"""`wasmarket provider reputation | list`, `peer reputation`: what the chain says of providers."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from wasmarket.client.provider import ProviderClient
from wasmarket.client.reputation.reading import ReputationClient
from wasmarket.kernel.errors import NotFound, Unreachable
from wasmarket.kernel.regions import region_code
from wasmarket.kernel.reputation.figures import PPM
from wasmarket.kernel.reputation.kinds import FIGURE_NAMES, SORTS
from wasmarket.kernel.units import Address, format_flt, format_usdc
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import ADDRESS, json_option, key_option
from wasmarket_cli.output import (
    count,
    print_facts,
    print_json,
    print_table,
    say,
    usdc,
    write_time,
)
from wasmarket_cli.progress_bars import count_progress
from wasmarket_cli.wiring import wire

STRIP = 45
"""Epochs in a line of the strip."""

SHOWN = 50
"""Differences and events in a table for people; `--json` has all."""

verify_option = click.option(
    "--verify", is_flag=True, help="Count again from the chain's logs; exit code 1 if any differs"
)
events_option = click.option(
    "--events",
    "figure",
    type=click.Choice(FIGURE_NAMES),
    metavar="FIGURE",
    help="Show the events that this figure counts, e.g. evictions",
)


@click.command("reputation")
@click.argument("address", type=ADDRESS, required=False)
@events_option
@verify_option
@key_option
@json_option
@click.pass_context
def show_provider(
    ctx: click.Context,
    address: Address | None,
    figure: str | None,
    verify: bool,
    key: str | None,
    as_json: bool,
) -> int:
    """Show how the provider ADDRESS [your account] kept what it sold, from the chain alone.

    Each figure is defined in docs/reference/reputation.md, and names its events with --events.
    """
    whose = address or ProviderClient(wire(ctx), key).address
    return _show(ctx, whose, figure, verify, as_json)


@click.command("reputation")
@click.argument("number", type=click.IntRange(1))
@events_option
@verify_option
@json_option
@click.pass_context
def show_peer(
    ctx: click.Context, number: int, figure: str | None, verify: bool, as_json: bool
) -> int:
    """Show how the peer NUMBER kept what it sold, from the chain alone.

    Each figure is defined in docs/reference/reputation.md, and names its events with --events.
    """
    return _show(ctx, number, figure, verify, as_json)


@click.command("list")
@click.option("--sort", type=click.Choice(SORTS), default="uptime", show_default=True)
@click.option("--worst", is_flag=True, help="The worst first")
@click.option("--peers", is_flag=True, help="Single peers instead of providers")
@click.option("--epochs", type=click.Choice(["7", "30", "90"]), default="30", show_default=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@json_option
@click.pass_context
def list_providers(
    ctx: click.Context,
    sort: str,
    worst: bool,
    peers: bool,
    epochs: str,
    limit: int,
    as_json: bool,
) -> None:
    """List providers by what the chain says of them, the best first."""
    client = ReputationClient(wire(ctx))
    found = client.summaries(
        "peers" if peers else "providers", sort, worst=worst, epochs=int(epochs)
    )
    rows = [row for row, _ in zip(found, range(limit), strict=False)]
    if as_json:
        print_json(rows)
        return
    print_table(
        f"{'Peers' if peers else 'Providers'} over {epochs} epochs, by {sort}",
        [
            "#peer" if peers else "provider",
            "#units used",
            "#age",
            "#proven",
            "#of",
            "#uptime",
            "#evicted",
            "#left",
            "#dropped",
            "#rejected",
            "#audits lost",
            "#USDC for proven epochs",
        ],
        [
            (
                row["peer"] if peers else row["provider"],
                f"{row['used']}/{row['units']}",
                row["age_epochs"],
                row["proven"],
                row["active"],
                percent(row["uptime_ppm"]),
                row["evictions"],
                row["left"],
                row["dropped"],
                row["rejected"],
                row["audits_lost"],
                format_usdc(int(row["proven_pay"])),
            )
            for row in rows
        ],
    )


def percent(ppm: int | None) -> str:
    """Write parts per million for people, exactly; a dash for nothing."""
    if ppm is None:
        return "–"
    whole, part = divmod(ppm, PPM // 100)
    digits = f"{part:04d}".rstrip("0")
    return f"{whole}.{digits} %" if digits else f"{whole} %"


def _show(
    ctx: click.Context, whose: Address | int, figure: str | None, verify: bool, as_json: bool
) -> int:
    client = ReputationClient(wire(ctx))
    said = client.fetch(whose)
    events = None if figure is None else list(client.events(whose, figure))
    measured = _fetch_measured(client, said)
    differences = None
    if verify:
        with count_progress(as_json) as report:
            differences = client.verify(whose, said, report)
    if as_json:
        answer = dict(said) | {"measured": measured}
        if events is not None:
            answer["events"] = events
        if differences is not None:
            answer["verified"] = not differences
            answer["differences"] = [asdict(difference) for difference in differences]
        print_json(answer)
    else:
        _print_figures(said)
        if events is not None:
            _print_events(str(figure), events)
        if differences is not None:
            _print_verdict(said, differences)
        _print_measured(measured)
    return Exit.FAILED if differences else Exit.OK


def _fetch_measured(client: ReputationClient, said: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the gateway measured; None where there is none that tells."""
    try:
        return client.measured(said)
    except (Unreachable, NotFound):
        return None


def _print_measured(measured: dict[str, Any] | None) -> None:
    """Show what one gateway saw, under its name and apart from what the chain says."""
    if measured is None or not measured["peers"]:
        return
    by = measured["measured_by"]
    place = f" in {by['region']}" if by["region"] else ""
    print_table(
        f"Measured by {by['name'] or measured['url']}{place} since "
        f"{write_time(measured['since'])}; not from the chain, no part of the figures above",
        ["#peer", "region", "#calls", "#failed", "why", "#left to others", "#half in", "#99 % in"],
        [
            (
                entry["peer"],
                region_code(entry["region"]),
                entry["calls"],
                percent(entry["error_ppm"]),
                ", ".join(f"{n} {why.replace('_', ' ')}" for why, n in entry["reasons"].items()),
                entry["refused"],
                _latency(entry["p50_us"]),
                _latency(entry["p99_us"]),
            )
            for entry in measured["peers"]
        ],
    )


def _latency(microseconds: int | None) -> str:
    if microseconds is None:
        return "–"
    whole, part = divmod(microseconds, 1_000)
    return f"{whole}.{part:03d} ms".replace(".000", "")


def _print_figures(said: dict[str, Any]) -> None:
    print_facts(
        f"Peer {said['peer']}" if said["peer"] is not None else "Provider",
        [
            ("account", said["provider"]),
            ("since", f"epoch {said['registered_epoch']}, {count(said['age_epochs'], 'epoch')}"),
            ("bond", f"{format_flt(int(said['bond']))} FLT"),
            ("as of", f"block {said['block']}, epoch {said['epoch']}"),
        ],
    )
    windows = said["windows"]
    print_table(
        "From the chain",
        ["over the last", *(f"#{window['epochs']} epochs" for window in windows)],
        [(name, *values) for name, values in _rows(windows)],
    )
    reasons = [
        (entry["kind"].replace("_", " "), entry["text"], entry["count"])
        for entry in windows[-1]["reasons"]
    ]
    if reasons:
        print_table(f"Why, over {windows[-1]['epochs']} epochs", ["", "reason", "#times"], reasons)
    _print_strip(said)


def _rows(windows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    def row(name: str, write: Any) -> tuple[str, list[str]]:
        return name, [str(write(window)) for window in windows]

    yield row("epochs proven / active", lambda w: f"{w['proven']} / {w['active']}")
    yield row("uptime", lambda w: percent(w["uptime_ppm"]))
    yield row("assigned", lambda w: w["counts"]["assigned"])
    yield row("activated in time", lambda w: w["counts"]["activated"])
    yield row("activated late", lambda w: w["counts"]["activated_late"])
    yield row("rejected", lambda w: w["counts"]["rejected"])
    yield row("left in mid-run", lambda w: w["counts"]["left"])
    yield row("dropped by developers", lambda w: w["counts"]["dropped"])
    yield row("ran to the end", lambda w: w["counts"]["finished"])
    yield row("evicted", lambda w: w["evictions"])
    yield row("of these with a fine", lambda w: w["faults"])
    yield row("audits won / lost", lambda w: f"{w['audits_won']} / {w['audits_lost']}")
    yield row("pay of proven epochs", lambda w: usdc(w["proven_pay"]))
    yield row("paid out", lambda w: usdc(w["paid"]))
    yield row("refunded to developers", lambda w: usdc(w["refunded"]))
    yield row("seized", lambda w: f"{format_flt(int(w['seized']))} FLT")


def _print_strip(said: dict[str, Any]) -> None:
    """Show the last epochs as a strip, the newest last: each proven, missed, partly, or idle."""
    days = {day["epoch"]: day for day in said["epochs"]}
    first, last = said["windows"][-1]["first"], said["final_epoch"]
    begin = max(first, said["registered_epoch"], 0)
    if begin > last:
        return
    say(f"Epochs {begin} to {last}: # proven, + by some peers, x missed, . idle")
    for start in range(begin, last + 1, STRIP):
        end = min(last, start + STRIP - 1)
        say(f"{start:>10}  {''.join(_mark(days.get(epoch)) for epoch in range(start, end + 1))}")


def _mark(day: dict[str, Any] | None) -> str:
    if day is None or not day["active"]:
        return "."
    if day["proven"] == day["active"]:
        return "#"
    return "+" if day["proven"] else "x"


def _print_events(figure: str, events: Sequence[dict[str, Any]]) -> None:
    print_table(
        f"{figure}: {count(len(events), 'event')}, the newest first",
        [
            "event",
            "#epoch",
            "#block",
            "#log",
            "transaction",
            "#peer",
            "#deal",
            "#assignment",
            "why",
        ],
        [
            (
                event["kind"].replace("_", " "),
                event["epoch"],
                event["in_block"],
                event["log_index"],
                event["tx"],
                event["peer"],
                event["deal"] or "",
                event["assignment"] or "",
                event["reason_text"] or _proven(event),
            )
            for event in events[:SHOWN]
        ],
    )
    if len(events) > SHOWN:
        say(f"and {len(events) - SHOWN:,} more; --json shows all")


def _proven(event: dict[str, Any]) -> str:
    return "" if event["proven_epoch"] is None else f"to epoch {event['proven_epoch']}"


def _print_verdict(said: dict[str, Any], differences: Sequence[Any]) -> None:
    if not differences:
        say(f"verified: the chain's logs up to block {said['block']:,} give the same figures")
        return
    print_table(
        f"{count(len(differences), 'difference')} as of block {said['block']:,}",
        ["where", "figure", "matcher says", "chain's logs give"],
        [
            (entry.where, entry.figure, _value(entry.said), _value(entry.counted))
            for entry in differences[:SHOWN]
        ],
    )
    if len(differences) > SHOWN:
        say(f"and {len(differences) - SHOWN:,} more; --json shows all")
    say(
        "ask again, or another matcher; whoever runs this one mends it by "
        "`wasmarket indexer run --reindex`",
        err=True,
    )


def _value(value: object) -> str:
    return "nothing" if value is None else str(value)

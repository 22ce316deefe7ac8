"""`wasmarket trigger list`: what a clock or a start calls of a deal, as its peers tell it."""

from typing import Any

import click
import msgspec

from wasmarket.client.developer import DeveloperClient
from wasmarket.kernel.errors import MarketError, Unreachable
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_json, print_table, say, write_time
from wasmarket_cli.wiring import wire

COLUMNS = ("peer", "trigger", "key", "next", "last", "answered", "failed", "missed", "left")


class ToldFiring(msgspec.Struct):
    """A firing, by the Unix time it was due, and what became of it."""

    firing: int
    state: str
    receipt: str | None = None
    detail: str = ""


class ToldTrigger(msgspec.Struct):
    """A trigger at one peer: firings by what became of them, the last ones in full."""

    key: str
    kind: str
    service: str
    function: str
    run: str
    answered: int
    failed: int
    missed: int
    left: int
    recent: list[ToldFiring]
    next: int | None = None


class ToldTriggers(msgspec.Struct):
    """What a peer tells of a deal's triggers."""

    triggers: list[ToldTrigger]


@click.group()
def trigger() -> None:
    """Triggers: calls of a deal's functions that a clock or a start makes."""


@trigger.command("list")
@click.argument("deal", type=click.IntRange(1))
@json_option
@click.pass_context
def list_triggers(ctx: click.Context, deal: int, as_json: bool) -> None:
    """Show the triggers of DEAL at each of its peers: next and last firing, how firings ended."""
    client = DeveloperClient(wire(ctx))
    held = client.deal(deal)["assignments"]
    places = {int(entry["peer"]): str(entry["endpoint"]) for entry in held if entry["endpoint"]}
    told: dict[int, list[ToldTrigger]] = {}
    for peer, endpoint in sorted(places.items()):
        try:
            told[peer] = _ask(client, deal, endpoint)
        except MarketError as error:
            say(f"peer {peer} does not tell: {error.detail}", err=True)
    if not told:
        raise Unreachable(
            f"no peer tells of the triggers of deal {deal}", remedy=f"see `wasmarket status {deal}`"
        )
    rows = [(peer, entry) for peer, entries in told.items() for entry in entries]
    if as_json:
        listed = [{"peer": peer, **msgspec.to_builtins(entry)} for peer, entry in rows]
        print_json({"deal": deal, "triggers": listed})
    elif rows:
        print_table(f"Triggers of deal {deal}", COLUMNS, [_write_row(*row) for row in rows])
    else:
        say(f"deal {deal} has no triggers")


def _ask(client: DeveloperClient, deal: int, endpoint: str) -> list[ToldTrigger]:
    """Return what one peer tells. Raises MarketError, also for what is no answer to that."""
    answer: Any = client.open_peer(endpoint).get(f"/v1/deals/{deal}/triggers")
    try:
        return msgspec.convert(answer, ToldTriggers).triggers
    except msgspec.ValidationError as error:
        raise Unreachable(f"its answer is not one: {error}") from error


def _write_row(peer: int, entry: ToldTrigger) -> list[object]:
    last = entry.recent[0] if entry.recent else None
    return [
        peer,
        f"{entry.kind} {entry.service}.{entry.function} ({entry.run})",
        entry.key,
        "" if entry.next is None else write_time(entry.next),
        "" if last is None else f"{write_time(last.firing)} {last.state}",
        *(entry.answered, entry.failed, entry.missed, entry.left),
    ]

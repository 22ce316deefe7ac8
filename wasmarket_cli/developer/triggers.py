"""`wasmarket trigger`: what clocks, events and starts call of a deal; fire and pause it."""

import json
from typing import Any

import click
import msgspec

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.documents.deal_peers import find_live_peers
from wasmarket.client.documents.pauses import EVERYTHING, DealPauses, PauseState
from wasmarket.kernel.errors import MarketError, NotFound, Unreachable
from wasmarket_cli.developer.arguments import parse_event
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import (
    json_option,
    signing_options,
)
from wasmarket_cli.output import print_json, print_table, say, write_time
from wasmarket_cli.wiring import wire

FIRST_BY_HAND = 10**15
"""Firings by hand are numbered from here, in milliseconds; those of events by block and place."""
PLACES = 1_000_000
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
    flow: str = ""
    paused: bool = False
    block: int | None = None
    problem: str = ""

    @property
    def target(self) -> str:
        """Return what it calls."""
        return f"flow {self.flow}" if self.flow else f"{self.service}.{self.function}"


class ToldTriggers(msgspec.Struct):
    """What a peer tells of a deal's triggers."""

    triggers: list[ToldTrigger]


@click.group()
def trigger() -> None:
    """Triggers: calls of a deal's functions that a clock, an event or a start makes."""


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
        f"{entry.kind} {entry.target} ({entry.run})",
        entry.key,
        _write_next(entry),
        "" if last is None else f"{_write_firing(entry, last)} {last.state}",
        *(entry.answered, entry.failed, entry.missed, entry.left),
    ]


def _write_next(entry: ToldTrigger) -> str:
    if entry.paused:
        return "paused"
    if entry.problem:
        return entry.problem
    return "" if entry.next is None else write_time(entry.next)


def _write_firing(entry: ToldTrigger, made: ToldFiring) -> str:
    """Write which firing it was: a clock's by seconds, one by hand by milliseconds."""
    if made.firing >= FIRST_BY_HAND:
        return f"{write_time((made.firing - FIRST_BY_HAND) // 1_000)} by hand"
    if entry.kind == "chain-event":
        return f"block {made.firing // PLACES} #{made.firing % PLACES}"
    return write_time(made.firing)


@trigger.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("trigger_key", metavar="TRIGGER")
@click.option("--event", metavar="JSON", help="Of a trigger of events: the event's arguments")
@signing_options
@json_option
@click.pass_context
def fire(
    ctx: click.Context,
    deal: int,
    trigger_key: str,
    event: str | None,
    key: str | None,
    as_json: bool,
) -> int:
    """Make the call of TRIGGER (its key in `trigger list`) now; you must be DEAL's developer.

    At each peer for one that each runs, else at the first that answers. Paused or not, and beside
    its own time.
    """
    body = json.dumps({} if event is None else {"argument": parse_event(event)}).encode()
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    fired: list[dict[str, Any]] = []
    told = {
        peer.number: (peer.endpoint, found)
        for peer in find_live_peers(client, wiring, deal)
        for found in _find(client, deal, peer.endpoint, trigger_key)
    }
    if not told:
        raise NotFound(
            f"no peer of deal {deal} has a trigger {trigger_key:.40}",
            remedy=f"`wasmarket trigger list {deal}` shows their keys",
        )
    for number, (endpoint, found) in told.items():
        path = f"/v1/deals/{deal}/triggers/{trigger_key}/fire"
        answer = client.open_peer(endpoint).send("POST", path, body=body, signed=True).json()
        made = msgspec.convert(answer, ToldFiring)
        fired.append({"peer": number, **msgspec.to_builtins(made)})
        if not as_json:
            said = f"peer {number}: {found.target} {made.state}"
            say(f"{said}, receipt {made.receipt}" if made.receipt else f"{said}: {made.detail}")
        if found.run == "one":
            break
    if as_json:
        print_json({"deal": deal, "fired": fired})
    return Exit.OK if all(one["state"] == "answered" for one in fired) else Exit.FAILED


@trigger.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("keys", metavar="[TRIGGER]...", nargs=-1)
@signing_options
@json_option
@click.pass_context
def pause(
    ctx: click.Context, deal: int, keys: tuple[str, ...], key: str | None, as_json: bool
) -> None:
    """Pause triggers of DEAL at all its peers, also those that join later; all if none is named.

    What a clock would have fired meanwhile is not made up for; events of a chain wait.
    """
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    _check_keys(client, deal, keys)
    _show_pauses(deal, DealPauses(client, wiring, deal).pause(keys), as_json)


@trigger.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("keys", metavar="[TRIGGER]...", nargs=-1)
@signing_options
@json_option
@click.pass_context
def resume(
    ctx: click.Context, deal: int, keys: tuple[str, ...], key: str | None, as_json: bool
) -> None:
    """Let triggers of DEAL go on that were paused; all if none is named."""
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    _show_pauses(deal, DealPauses(client, wiring, deal).resume(keys), as_json)


def _check_keys(client: DeveloperClient, deal: int, keys: tuple[str, ...]) -> None:
    """Raise NotFound for a key that no peer knows."""
    held = client.deal(deal)["assignments"]
    places = sorted({str(entry["endpoint"]) for entry in held if entry["endpoint"]})
    known = {entry.key for place in places if keys for entry in _ask_softly(client, deal, place)}
    for name in keys:
        if known and name not in known:
            raise NotFound(
                f"deal {deal} has no trigger {name:.40}",
                field="trigger",
                remedy=f"it has {', '.join(sorted(known))}",
            )


def _ask_softly(client: DeveloperClient, deal: int, endpoint: str) -> list[ToldTrigger]:
    try:
        return _ask(client, deal, endpoint)
    except MarketError as error:
        say(f"{endpoint} does not tell: {error.detail}", err=True)
        return []


def _find(client: DeveloperClient, deal: int, endpoint: str, key: str) -> list[ToldTrigger]:
    return [found for found in _ask_softly(client, deal, endpoint) if found.key == key]


def _show_pauses(deal: int, state: PauseState, as_json: bool) -> None:
    for peer, why in sorted(state.silent.items()):
        say(f"peer {peer} did not answer: {why}; it learns of it from the others", err=True)
    if as_json:
        print_json({"deal": deal, "version": state.version, "paused": list(state.keys)})
    elif not state.keys:
        say(f"deal {deal}: no trigger is paused")
    else:
        named = "all triggers" if EVERYTHING in state.keys else ", ".join(state.keys)
        say(f"deal {deal}: {named} paused, until `wasmarket trigger resume {deal}`")

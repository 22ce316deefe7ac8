"""`wasmarket update | versions | rollback`: which app a deal runs, ran and is to run."""

from pathlib import Path
from typing import Any

import click

from wasmarket.app.overrides import override_settings
from wasmarket.client.developer import DeveloperClient
from wasmarket.kernel.documents.content_ids import parse_cid
from wasmarket.kernel.errors import Conflict, InvalidInput
from wasmarket_cli.building.build import build_app
from wasmarket_cli.developer.apps.app_check import check_app, warn_of_app
from wasmarket_cli.developer.releases.published_app import fetch_app
from wasmarket_cli.developer.releases.switching import switch_version
from wasmarket_cli.developer.settings import keep_given, parse_settings, settings_options
from wasmarket_cli.options import json_option, key_option, signing_options, yes_option
from wasmarket_cli.output import print_json, print_table, tell, write_time
from wasmarket_cli.wiring import wire

wait_option = click.option(
    "--wait", type=click.IntRange(0), default=60, show_default=True, help="Most seconds to wait"
)


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("app", type=click.Path(path_type=Path), default=".")
@settings_options
@wait_option
@signing_options
@yes_option
@json_option
@click.pass_context
def update(
    ctx: click.Context,
    deal: int,
    app: Path,
    settings: tuple[str, ...],
    defaults: bool,
    wait: int,
    key: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Publish a new version of DEAL's app, switch to it without a gap, wait until peers serve it.

    A peer goes on with the old version where the new one does not answer its health call: then
    the exit code is 1. Asks before functions that callers may use go away. What was given for DEAL
    (settings, the fuel and credit of a metered one) stays, unless you say --setting or --defaults.
    """
    built = override_settings(build_app(app, tell), parse_settings(settings))
    interfaces = check_app(built)
    warn_of_app(built)
    client = DeveloperClient(wire(ctx), key)
    if not defaults:
        built = keep_given(client, client.deal(deal)["app"], built)
    outcome = switch_version(client, deal, built, interfaces, wait=wait, yes=yes, is_quiet=as_json)
    if as_json:
        print_json(outcome.facts)
    return outcome.code


@click.command()
@click.argument("deal", type=click.IntRange(1))
@key_option
@json_option
@click.pass_context
def versions(ctx: click.Context, deal: int, key: str | None, as_json: bool) -> None:
    """List the versions of its app that DEAL was given, and which peers serve which."""
    client = DeveloperClient(wire(ctx), key)
    rows = client.versions(deal)
    serving: dict[str, list[int]] = {}
    for one in client.served_versions(deal):
        serving.setdefault(one.app or "", []).append(one.peer)
    newest = {row["app"]: row["version"] for row in rows}
    for row in rows:
        # The same app may have come back: its peers are named at its newest version.
        is_newest = newest[row["app"]] == row["version"]
        row["peers"] = serving.get(row["app"], []) if is_newest else []
    if as_json:
        print_json({"deal": deal, "versions": rows})
        return
    print_table(
        f"Versions of deal {deal}",
        ["#version", "since", "app", "served by peers"],
        [
            (
                row["version"],
                write_time(row["at"]),
                row["cid"],
                " ".join(map(str, row["peers"])),
            )
            for row in rows
        ],
    )


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("version", metavar="[VERSION|CID]", required=False)
@wait_option
@signing_options
@yes_option
@json_option
@click.pass_context
def rollback(
    ctx: click.Context,
    deal: int,
    version: str | None,
    wait: int,
    key: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Give DEAL an earlier version of its app again: the last other one, one by number or CID.

    The gateway must still keep it. All else is as with `update`.
    """
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    chosen = choose_version(client.versions(deal), version)
    tell(f"fetching version {chosen['version']} ({chosen['cid']})")
    app = fetch_app(wiring, parse_cid(str(chosen["cid"])))
    interfaces = check_app(app)
    outcome = switch_version(client, deal, app, interfaces, wait=wait, yes=yes, is_quiet=as_json)
    if as_json:
        print_json(outcome.facts)
    return outcome.code


def choose_version(rows: list[dict[str, Any]], wanted: str | None) -> dict[str, Any]:
    """Return the version to go back to; the newest other than the last, where none is named.

    Raises InvalidInput for one that the deal never had, Conflict where there is nothing to do.
    """
    current = rows[-1]
    if wanted is None:
        others = [row for row in rows if row["app"] != current["app"]]
        if not others:
            raise Conflict(
                f"version {current['version']} is the only app that the deal ever had",
                field="version",
            )
        return others[-1]
    named = [row for row in rows if wanted in (str(row["version"]), row["cid"])]
    if not named:
        raise InvalidInput(
            f"the deal never had the version {wanted!r}",
            field="version",
            remedy=f"it had 1 to {current['version']}: `wasmarket versions DEAL`",
        )
    if named[-1]["app"] == current["app"]:
        raise Conflict(f"the deal has version {named[-1]['version']} already", field="version")
    return named[-1]

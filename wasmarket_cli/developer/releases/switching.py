"""Switch a deal to another version of its app, and say what became of it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from wasmarket.app.file import App
from wasmarket.client.developer import DeveloperClient
from wasmarket_cli.developer.releases.publishing import publish
from wasmarket_cli.developer.settings import list_setting_changes
from wasmarket_cli.developer.versions import check_losses, refuse_losses, wait_for_version
from wasmarket_cli.errors import Exit
from wasmarket_cli.output import say

Interfaces = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SwitchOutcome:
    """What became of an update: facts for scripts, and the exit code."""

    facts: dict[str, Any]
    code: Exit


def switch_version(
    client: DeveloperClient,
    deal: int,
    app: App,
    interfaces: Interfaces,
    *,
    wait: int,
    yes: bool,
    is_quiet: bool,
) -> SwitchOutcome:
    """Name `app` as a deal's on chain; wait until its peers serve it; say so unless `is_quiet`.

    `interfaces` are the app's; where they lack what callers may use now, somebody is asked first.
    Raises Conflict where nobody can be asked.
    """
    for change in list_setting_changes(client, deal, app.manifest.settings):
        say(f"setting {change}", err=True)
    losses = [] if yes else check_losses(client, deal, interfaces)
    if losses and (is_quiet or not sys.stdin.isatty()):
        refuse_losses(losses)
    for loss in losses:
        say(f"callers lose: {loss}", err=True)
    if losses:
        click.confirm("Update all the same?", default=False, abort=True, err=True)
    publish(client, app)
    receipt = client.name_version(deal, app)
    served = wait_for_version(client, deal, app.app, wait) if wait else []
    behind = [one for one in served if one.app != app.app]
    rows = [{"peer": one.peer, "app": one.app, "failure": one.failure or None} for one in served]
    facts = {
        "deal": deal,
        "app": str(app.cid),
        "tx": receipt.tx_hash,
        "serves": bool(served) and not behind,
        "peers": rows,
        "overrides": list(app.manifest.overrides),
    }
    outcome = SwitchOutcome(facts, Exit.FAILED if behind else Exit.OK)
    if is_quiet:
        return outcome
    if not wait:
        say(f"deal {deal} is to run {app.manifest.name} {app.cid}")
        say(f"  each peer switches once it answers its health call: `wasmarket status {deal}`")
    elif not served:
        say(f"no peer runs deal {deal} now; the next one begins with {app.cid}")
    elif not behind:
        say(f"deal {deal} now runs {app.manifest.name} {app.cid} on all its peers")
    for one in behind:
        why = one.failure or "it has not switched in time"
        say(f"peer {one.peer} goes on with the old version: {why}", err=True)
    return outcome

"""Deploy a project again: its deal gets the new version, on the terms that were signed for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click
from click.core import ParameterSource

from wasmarket.app.file import App
from wasmarket.client.developer import FINAL, DeveloperClient
from wasmarket.client.developer_offers import Bid
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.errors import Conflict, NotFound
from wasmarket.kernel.signing.offers import DeveloperOffer, parse_offer
from wasmarket.kernel.traits import trait_mask, traits_of
from wasmarket.kernel.units import Hash
from wasmarket_cli.developer.releases.project_file import ProjectFile
from wasmarket_cli.developer.releases.switching import Interfaces, switch_version
from wasmarket_cli.output import print_json, say

FIXED: Final = {
    "min_units": "min_units",
    "max_price": "max_price",
    "epochs": "epochs",
    "regions": "regions",
    "memory": "min_memory_mib",
    "min_regions": "min_regions",
    "per_provider": "max_units_per_provider",
    "tip": "tip",
}
"""Options whose values stand in the signed offer, by its field."""
ANOTHER: Final = "`wasmarket deploy --new` signs another offer, for a deal beside this one"


Keep = Callable[[Hash], App]
"""Returns the new version with what was given for the deal that runs this app."""


@dataclass(frozen=True, slots=True)
class RunningRelease:
    """An offer of a project that is not over: still waiting, or a deal."""

    bid: Bid
    status: str
    deal: int | None

    @property
    def offer(self) -> DeveloperOffer:
        """What was signed."""
        return self.bid.offer


def find_running(project: ProjectFile, client: DeveloperClient) -> list[RunningRelease]:
    """Return what runs a project now, the youngest last; what the matcher does not know is over."""
    found = []
    for entry in project.read():
        try:
            state = client.offer_state(entry.offer)
        except NotFound:
            continue
        deal = state["deal"]
        if state["status"] in FINAL or (deal is not None and client.deal(deal)["stopped"]):
            continue
        offer = parse_offer(DeveloperOffer, state["offer"])
        bid = Bid(offer, entry.offer, str(state["signature"] or ""))
        found.append(RunningRelease(bid, state["status"], deal))
    return found


def find_waiting(running: Sequence[RunningRelease], keep: Keep) -> tuple[Bid, App] | None:
    """Return the offer that has no deal yet, and its app. Raises Conflict if it is for another."""
    for one in running:
        if one.deal is None:
            app = keep(one.offer.app)
            if one.offer.app == app.app:
                return one.bid, app
            raise Conflict(
                f"the offer {one.bid.hash} of this project still waits, for another version:"
                f" {app_cid(one.offer.app)}",
                field="app",
                remedy=f"`wasmarket offer cancel {one.bid.hash}`, then deploy again",
            )
    return None


def update_running(
    ctx: click.Context,
    client: DeveloperClient,
    running: Sequence[RunningRelease],
    keep: Keep,
    interfaces: Interfaces,
    *,
    wait: int,
    yes: bool,
    as_json: bool,
) -> int:
    """Give all deals of a project a version; return the exit code.

    Raises Conflict, before anything is signed, for terms that no update changes.
    """
    deals = [(one, one.deal) for one in running if one.deal is not None]
    apps = {deal: keep(client.deal(deal)["app"]) for _, deal in deals}
    for one, deal in deals:
        check_terms(ctx, one, apps[deal])
    results = []
    for _, deal in deals:
        if not as_json:
            say(f"deal {deal} of this project is updated; {ANOTHER}")
        app = apps[deal]
        results.append(
            switch_version(client, deal, app, interfaces, wait=wait, yes=yes, is_quiet=as_json)
        )
    if as_json:
        print_json({"app": results[-1].facts["app"], "updated": [one.facts for one in results]})
    return max(one.code for one in results)


def check_terms(ctx: click.Context, one: RunningRelease, app: App) -> None:
    """Raise Conflict if what was said on the command line is not what was signed for a deal."""
    changes = list_changes(_given(ctx), one)
    missing = trait_mask(app.manifest.effectors.names) & ~one.offer.traits
    if missing:
        names = ", ".join(traits_of(missing))
        changes.append(f"the app now needs peers with {names}, which its offer did not ask for")
    if changes:
        raise Conflict(
            f"deal {one.deal} keeps the terms of its signed offer: " + "; ".join(changes),
            field="app",
            remedy=f"leave those out to update the app alone; {ANOTHER}",
        )


def list_changes(given: Mapping[str, Any], one: RunningRelease) -> list[str]:
    """Say which of the options that were `given` differ from what was signed, and what helps."""
    changes = []
    offer, deal = one.offer, one.deal
    for option, name in FIXED.items():
        signed = getattr(offer, name)
        if option in given and given[option] != signed:
            changes.append(f"{name} was {signed}, not {given[option]}")
    if "units" in given and given["units"] + given.get("spare", 0) != offer.units:
        command = f"`wasmarket scale {deal} {given['units']}`"
        changes.append(f"units was {offer.units}, not {given['units']} ({command})")
    if "deposit" in given and given["deposit"] != offer.deposit:
        changes.append(f"deposit was {offer.deposit} (`wasmarket top-up {deal} AMOUNT` adds to it)")
    if "only" in given or "exclude" in given:
        chosen = (*given.get("only", ()), *given.get("exclude", ()))
        if sorted(chosen) != sorted(offer.providers):
            changes.append("other providers were named")
    return changes


def _given(ctx: click.Context) -> dict[str, Any]:
    """Return the options that were said, not taken from their defaults."""
    return {
        name: value
        for name, value in ctx.params.items()
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }

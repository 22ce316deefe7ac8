"""Show what a dry run would have signed, and what that would have cost."""

from dataclasses import asdict

import click

from wasmarket.client.wiring import Wiring
from wasmarket.kernel.signing.plan import PlannedAct
from wasmarket_cli.options import AS_JSON
from wasmarket_cli.output import format_coins, print_json, say


def show_plan(ctx: click.Context) -> None:
    """Write the plan of a run that is over; nothing was signed or sent."""
    wiring = ctx.find_root().obj
    acts = wiring.plan.acts if isinstance(wiring, Wiring) and wiring.plan is not None else []
    known = [act.most_wei for act in acts if act.most_wei is not None]
    if ctx.meta.get(AS_JSON):
        listed = [asdict(act) | {"most_wei": _text(act.most_wei)} for act in acts]
        print_json({"dry_run": True, "signs": listed, "most_wei": str(sum(known))})
        return
    if not acts:
        say("nothing would be signed")
        return
    say("would be signed, in this order:")
    for number, act in enumerate(acts, 1):
        say(f"  {number}. {act.kind}: {act.text}{_write_gas(act)}")
    if known:
        say(f"transactions cost at most {format_coins(sum(known))} of the chain's coin")
    say("nothing was signed or sent")


def _write_gas(act: PlannedAct) -> str:
    if act.kind != "transaction":
        return ""
    if act.gas is None or act.most_wei is None:
        return " (its gas is known once those before it are mined)"
    return f" (gas {act.gas:,}, at most {format_coins(act.most_wei)})"


def _text(wei: int | None) -> str | None:
    return None if wei is None else str(wei)

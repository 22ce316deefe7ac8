"""`wasmarket audit`: ask peers for single receipts, resolve what they did not answer."""

import click

from wasmarket.client.usage.audit_fees import send_paying
from wasmarket.kernel import events
from wasmarket.kernel.audits.times import ANSWER_EPOCHS
from wasmarket.kernel.events.audits import CaseOutcome
from wasmarket.kernel.units import format_flt
from wasmarket_cli.auditing.cases import status
from wasmarket_cli.auditing.meters import watch
from wasmarket_cli.auditing.papers import accuse, contradict
from wasmarket_cli.options import (
    json_option,
    signing_options,
)
from wasmarket_cli.output import print_json, say
from wasmarket_cli.wiring import wire

ASSIGNMENT = click.IntRange(1, 2**32 - 1)


@click.group()
def audit() -> None:
    """Hold peers to the roots that they committed; a lie costs the bond."""


@audit.command()
@click.argument("assignment", type=ASSIGNMENT)
@click.argument("epoch", type=click.IntRange(0, 2**32 - 1))
@click.argument("sequence", type=click.IntRange(0, 2**64 - 1))
@signing_options
@json_option
@click.pass_context
def ask(
    ctx: click.Context, assignment: int, epoch: int, sequence: int, key: str | None, as_json: bool
) -> None:
    """Ask the peer of ASSIGNMENT to prove its receipt SEQUENCE of EPOCH on chain.

    Costs a fee, which a peer that answers gets. One that does not answer within three epochs can
    be convicted by anybody: `wasmarket audit resolve`.
    """
    wiring = wire(ctx)
    fee = wiring.deployment.parameters.ask_fee
    call = wiring.audits.call("ask", assignment, epoch, sequence)
    [opened] = send_paying(wiring, wiring.account(key), call, fee).find(events.Opened)
    if as_json:
        print_json({"case": opened.case, "fee": str(fee)})
        return
    say(f"case {opened.case} asks for receipt {sequence} of assignment {assignment}")
    say(f"  it cost {format_flt(fee)} FLT; if it is not answered within {ANSWER_EPOCHS} epochs:")
    say(f"  `wasmarket audit resolve {opened.case}`")


@audit.command()
@click.argument("case", type=click.IntRange(1))
@signing_options
@json_option
@click.pass_context
def resolve(ctx: click.Context, case: int, key: str | None, as_json: bool) -> None:
    """Close CASE once its time is up; anybody may."""
    wiring = wire(ctx)
    receipt = wiring.sender(wiring.account(key)).send(wiring.audits.call("resolve", case))
    closed = receipt.find(events.Closed)
    if not closed:
        told = "its votes are to be revealed now"
        print_json({"case": case, "outcome": None}) if as_json else say(f"case {case}: {told}")
        return
    outcome = CaseOutcome(closed[0].outcome).name.lower()
    if as_json:
        print_json({"case": case, "outcome": outcome, "seized": str(closed[0].seized)})
        return
    say(f"case {case}: {outcome}, {format_flt(closed[0].seized)} FLT seized")


@audit.command()
@click.argument("case", type=click.IntRange(1))
@signing_options
@json_option
@click.pass_context
def draw(ctx: click.Context, case: int, key: str | None, as_json: bool) -> None:
    """Draw the jury of the accusation CASE; anybody may."""
    wiring = wire(ctx)
    receipt = wiring.sender(wiring.account(key)).send(wiring.audits.call("draw", case))
    drawn = bool(receipt.find(events.Drawn))
    if as_json:
        print_json({"case": case, "drawn": drawn})
    else:
        say(f"case {case}: " + ("its jury is drawn" if drawn else "there is no jury: void"))


for command in (accuse, contradict, status, watch):
    audit.add_command(command)

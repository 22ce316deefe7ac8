"""`wasmarket destroy`: end a deal for good, and say what becomes of its money."""

from pathlib import Path

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import Conflict
from wasmarket.kernel.units import Hash
from wasmarket_cli.developer.releases.project_file import ProjectFile
from wasmarket_cli.options import json_option, signing_options, yes_option
from wasmarket_cli.output import count, print_json, say, usdc
from wasmarket_cli.wiring import wire


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.option("--withdraw", is_flag=True, help="Send what comes back to your wallet at once")
@click.option(
    "--project", type=click.Path(path_type=Path), default=".", help="App that forgets the deal [.]"
)
@signing_options
@yes_option
@json_option
@click.pass_context
def destroy(
    ctx: click.Context,
    deal: int,
    withdraw: bool,
    project: Path,
    key: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """End DEAL for good and get its money back; asks first.

    As `stop`, and the project forgets the deal: its next `deploy` makes another.
    """
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    row = client.deal(deal)
    if row["stopped"]:
        raise Conflict(f"deal {deal} is stopped already", field="deal")
    is_metered = row["meter"] != ZERO_ADDRESS
    if not as_json:
        say(f"deal {deal}: {count(len(row['assignments']), 'assignment')} end with this epoch,")
        say("  which is paid; its storage, logs and secrets go with them")
        when = " once its vouchers are redeemed, 3 epochs after its end" if is_metered else ""
        say(f"  {usdc(row['balance'])} come back to your free balance{when};")
        say("  what peers do not prove of the last epochs comes back as they are claimed")
    if not (yes or as_json):
        click.confirm(f"Destroy deal {deal}?", abort=True)
    returned = client.stop(deal)
    ProjectFile(project, wiring).forget(Hash(row["offer"]))
    withdrawn = 0
    if withdraw and returned:
        withdrawn = client.withdraw(returned, client.address)
    if as_json:
        print_json({"deal": deal, "returned": str(returned), "withdrawn": str(withdrawn)})
        return
    say(f"deal {deal} is over; {usdc(returned)} came back")
    if withdrawn:
        say(f"  {usdc(withdrawn)} went to your wallet")
    elif is_metered:
        say(f"  in 3 epochs: `wasmarket take {deal} AMOUNT`")
    elif returned:
        say("  next: `wasmarket wallet withdraw` moves it to your wallet")

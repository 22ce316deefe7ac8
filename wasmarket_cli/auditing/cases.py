"""`wasmarket audit status`: asks, accusations, convictions, and your money there."""

from typing import Any

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.kernel.units import format_flt
from wasmarket_cli.options import (
    json_option,
    key_option,
)
from wasmarket_cli.output import print_facts, print_json, print_table, say, write_time
from wasmarket_cli.wiring import wire


@click.command()
@click.argument("case", type=click.IntRange(1), required=False)
@click.option("--assignment", type=click.IntRange(1), help="Only about this one")
@click.option("--all", "everybody", is_flag=True, help="Everybody's, not only yours")
@key_option
@json_option
@click.pass_context
def status(
    ctx: click.Context,
    case: int | None,
    assignment: int | None,
    everybody: bool,
    key: str | None,
    as_json: bool,
) -> None:
    """Show one CASE with its votes, or those that you opened, and your free FLT in Audits."""
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    if case is not None:
        _show_case(client.matcher.get(f"/v1/cases/{case}"), as_json)
        return
    mine = None if everybody or assignment is not None else client.address
    wanted = {"assignment": assignment, "by": mine}
    cases = list(client.matcher.items("/v1/cases", wanted))
    found = list(client.matcher.items("/v1/contradictions", {"assignment": assignment}))
    told = [row for row in found if mine is None or row["by"] == mine]
    free = wiring.audits.free(client.address)
    if as_json:
        print_json({"cases": cases, "contradictions": told, "free": str(free)})
        return
    print_table(
        "Cases",
        ["#case", "kind", "#assignment", "#epoch", "state", "outcome", "#FLT seized", "since"],
        [
            (
                row["id"],
                row["kind"],
                row["assignment"],
                row["epoch"],
                row["state"],
                row["outcome"] or "",
                "" if row["seized"] is None else format_flt(int(row["seized"])),
                write_time(row["moved_at"]),
            )
            for row in cases
        ],
    )
    if told:
        print_table(
            "Convicted by their own words",
            ["#assignment", "#kind", "#FLT seized", "by", "at"],
            [
                (
                    row["assignment"],
                    row["kind"],
                    format_flt(int(row["seized"])),
                    row["by"],
                    write_time(row["at"]),
                )
                for row in told
            ],
        )
    say(f"free in Audits: {format_flt(free)} FLT of {client.address}")


def _show_case(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    row = answer["case"]
    votes = {vote["place"]: vote["vote"] or "hidden yet" for vote in answer["votes"]}
    about = (
        ("receipt", row["receipt"])
        if row["kind"] == "accusation"
        else ("sequence", row["sequence"])
    )
    print_facts(
        f"Case {row['id']}",
        [
            ("kind", row["kind"]),
            ("state", row["state"]),
            ("outcome", row["outcome"] or "none yet"),
            ("assignment", row["assignment"]),
            ("epoch", row["epoch"]),
            about,
            ("opened by", row["by"]),
            ("in this state since", write_time(row["moved_at"])),
            *((f"seat {seat}", votes.get(n, "")) for n, seat in enumerate(row["jury"] or ())),
        ],
    )

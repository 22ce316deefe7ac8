"""`wasmarket call | logs`: use a deal's functions."""

import json
import sys
from datetime import UTC, datetime
from typing import Any, Final

import click

from wasmarket.client.developer import SEE_STATUS, DeveloperClient
from wasmarket.kernel.documents.flows import ROUTE
from wasmarket.kernel.errors import InvalidInput, MarketError, NotFound
from wasmarket.kernel.terminal_text import clean_for_terminal
from wasmarket_cli.developer.arguments import parse_arguments, parse_function, raw_option, read_raw
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import print_json, print_value, say
from wasmarket_cli.wiring import wire

QUOTED: Final = """an argument that is JSON is no string: quote a string of digits twice, '"7"'"""
FLOWS: Final = "its flows are the [[flow]] tables of its app.toml"


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("function", metavar="SERVICE.FUNCTION")
@click.argument("arguments", nargs=-1)
@raw_option
@click.option("--api-key", envvar="WASMARKET_API_KEY", help="Key of a deal with `keys` access")
@click.option(
    "--key", metavar="NAME", help="Sign as this account, for a deal with `signers` access"
)
@json_option
@click.pass_context
def call(
    ctx: click.Context,
    deal: int,
    function: str,
    arguments: tuple[str, ...],
    raw: str | None,
    api_key: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Call SERVICE.FUNCTION of DEAL and print its answer.

    Each of ARGUMENTS is JSON, or a string if it is not valid JSON: `wasmarket call 1
    greeting.greeting World`.
    """
    service, name = parse_function(function)
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    if api_key and key:
        raise InvalidInput("give either --api-key or --key", field="key")
    client, signed = DeveloperClient(wire(ctx), key), key is not None
    body = None if raw is None else read_raw(raw, arguments)
    values = parse_arguments(arguments)
    try:
        answer = client.call(deal, service, name, values, raw=body, headers=headers, signed=signed)
    except NotFound as error:
        remedy = FLOWS if service == ROUTE and error.field != "deal" else _list(client, deal)
        raise NotFound(error.detail, field=error.field, remedy=remedy) from error
    except MarketError as error:
        if "expected string" in error.detail and not all(isinstance(v, str) for v in values):
            error.remedy = QUOTED
        raise
    if raw is not None:
        sys.stdout.buffer.write(answer.body)
        return
    if as_json:
        print_json(
            {
                "result": answer.value,
                "peer": answer.peer,
                "receipt": answer.receipt,
                "fuel": answer.fuel,
            }
        )
        return
    print_value(answer.value)


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.option("--follow", "-f", is_flag=True, help="Go on as lines come")
@key_option
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object a line")
@click.pass_context
def logs(ctx: click.Context, deal: int, follow: bool, key: str | None, as_json: bool) -> None:
    """Show what the functions of DEAL logged, at all its peers in the order of time.

    You must be its developer.
    """
    client = DeveloperClient(wire(ctx), key)

    def complain(peer: int, error: MarketError) -> None:
        say(f"peer {peer} does not tell: {error.detail}", err=True)

    entries = client.all_logs(deal, complain, follow=follow)
    for entry in entries:
        click.echo(json.dumps(entry) if as_json else _write_entry(entry))


def _list(client: DeveloperClient, deal: int) -> str:
    """Say what can be called instead."""
    try:
        services = client.interface(deal)
    except MarketError:
        return SEE_STATUS
    names = [f"{service}.{f['name']}" for service, it in services.items() for f in it["functions"]]
    return f"its functions: {', '.join(names)}"


def _write_entry(entry: dict[str, Any]) -> str:
    """Write a line of a log for people; functions choose its text, so nothing harmful passes."""
    at = datetime.fromtimestamp(int(entry["time"]), UTC).strftime("%Y-%m-%d %H:%M:%S")
    where = f"{entry['function']} @{entry['peer']}" if "peer" in entry else entry["function"]
    return clean_for_terminal(f"{at} {entry['level']:<5} {where}: {entry['text']}")

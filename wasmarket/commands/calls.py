"""`wasmarket call | logs`: use a deal's functions."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from kernel.errors import InvalidInput
from wasmarket.client import Client
from wasmarket.options import json_option, key_option
from wasmarket.output import print_json
from wasmarket.wiring import wire


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("function", metavar="SERVICE.FUNCTION")
@click.argument("arguments", nargs=-1)
@click.option(
    "--raw", type=click.Path(allow_dash=True), help="Send this file's bytes (- for stdin)"
)
@click.option("--api-key", envvar="WASMARKET_API_KEY", help="Key of a deal with `keys` access")
@json_option
@click.pass_context
def call(
    ctx: click.Context,
    deal: int,
    function: str,
    arguments: tuple[str, ...],
    raw: str | None,
    api_key: str | None,
    as_json: bool,
) -> None:
    """Call SERVICE.FUNCTION of DEAL and print its answer.

    Each of ARGUMENTS is JSON, or a string if it is not valid JSON: `wasmarket call 1
    greeting.greeting World`.
    """
    service, _, name = function.partition(".")
    if not name:
        raise InvalidInput(
            f"{function!r} names no function",
            remedy="write SERVICE.FUNCTION, e.g. greeting.greeting",
        )
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    client = Client(wire(ctx))
    if raw is not None:
        if arguments:
            raise InvalidInput("give either --raw or arguments", field="raw")
        answer = client.call(deal, service, name, raw=_read(raw), headers=headers)
        sys.stdout.buffer.write(answer.body)
        return
    values = [_parse(text) for text in arguments]
    answer = client.call(deal, service, name, values, headers=headers)
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
    click.echo(answer.value if isinstance(answer.value, str) else json.dumps(answer.value))


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.option("--follow", "-f", is_flag=True, help="Go on as lines come")
@key_option
@click.pass_context
def logs(ctx: click.Context, deal: int, follow: bool, key: str | None) -> None:
    """Show what the functions of DEAL logged at one of its peers; you must be its developer."""
    for line in Client(wire(ctx), key).logs(deal, follow=follow):
        click.echo(line)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}", field="raw") from error

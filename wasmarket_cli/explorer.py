"""`wasmarket explorer`: the market in a browser."""

import webbrowser
from urllib.parse import quote

import click

from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import NotFound, Unreachable
from wasmarket_cli.options import json_option
from wasmarket_cli.output import show_done
from wasmarket_cli.wiring import wire


@click.command()
@click.argument("what", required=False)
@click.option("--print", "only_print", is_flag=True, help="Print its address, open nothing")
@json_option
@click.pass_context
def explorer(ctx: click.Context, what: str | None, only_print: bool, as_json: bool) -> None:
    """Open the explorer in a browser, at WHAT: any number, address, hash, CID or alias."""
    url = f"{find_explorer(wire(ctx))}/explorer/"
    if what is not None:
        url += f"search?q={quote(what, safe='')}"
    opened = not only_print and webbrowser.open(url)
    show_done(as_json, url, url=url, opened=opened)


def find_explorer(wiring: Wiring) -> str:
    """Return the URL of the service that has the explorer: the gateway, else the matcher.

    Raises Unreachable where neither has it.
    """
    said = []
    for name, url in (("gateway", wiring.client.gateway), ("matcher", wiring.client.matcher)):
        service = ServiceClient(name, url, wiring.http)
        try:
            service.send("GET", "/explorer/")
        except (NotFound, Unreachable) as error:
            said.append(error.detail)
        else:
            return service.url
    raise Unreachable(
        f"no service hands out the explorer: {'; '.join(said)}",
        remedy="start `wasmarket local up`, or set [client] gateway or matcher",
    )

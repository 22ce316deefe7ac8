"""`wasmarket secret`: values that only the peers of a deal can open."""

import sys
from pathlib import Path

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.documents.secrets import DealSecrets, SecretState
from wasmarket.kernel.errors import InvalidInput
from wasmarket_cli.options import (
    json_option,
    key_option,
    signing_options,
    yes_option,
)
from wasmarket_cli.output import count, print_json, print_table, say
from wasmarket_cli.wiring import wire


@click.group()
def secret() -> None:
    """Secrets: values that are sealed to the peers of a deal, for functions that name them."""


@secret.command("set")
@click.argument("deal", type=click.IntRange(1))
@click.argument("name")
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read the value from a file, byte by byte",
)
@signing_options
@json_option
@click.pass_context
def set_secret(
    ctx: click.Context, deal: int, name: str, file: Path | None, key: str | None, as_json: bool
) -> None:
    """Seal the secret NAME to each live peer of DEAL; you must be its developer.

    The value is asked for, or is what is piped in (without its last line break). It is never an
    argument: those are seen by everybody on this machine. Functions read it at their next call.
    """
    value = _read_value(file)
    state = _open(ctx, deal, key).set(name, value)
    _show(deal, state, as_json, f"{name} is set")


@secret.command("list")
@click.argument("deal", type=click.IntRange(1))
@key_option
@json_option
@click.pass_context
def list_secrets(ctx: click.Context, deal: int, key: str | None, as_json: bool) -> None:
    """List the names of DEAL's secrets and which peers can open them; values are never shown."""
    _show(deal, _open(ctx, deal, key).read(), as_json, "")


@secret.command("rm")
@click.argument("deal", type=click.IntRange(1))
@click.argument("name")
@signing_options
@yes_option
@json_option
@click.pass_context
def remove_secret(
    ctx: click.Context, deal: int, name: str, key: str | None, yes: bool, as_json: bool
) -> None:
    """Remove the secret NAME from all peers of DEAL."""
    if not yes:
        click.confirm(f"Remove {name} from deal {deal}?", abort=True)
    _show(deal, _open(ctx, deal, key).remove(name), as_json, f"{name} is removed")


def _open(ctx: click.Context, deal: int, key: str | None) -> DealSecrets:
    wiring = wire(ctx)
    return DealSecrets(DeveloperClient(wiring, key), wiring, deal)


def _read_value(file: Path | None) -> bytes:
    if file is not None:
        try:
            return file.read_bytes()
        except OSError as error:
            raise InvalidInput(f"cannot read {file}: {error.strerror}", field="file") from error
    if sys.stdin.isatty():
        return str(click.prompt("Value", hide_input=True, confirmation_prompt=True)).encode()
    data = sys.stdin.buffer.read()
    value = data.removesuffix(b"\n").removesuffix(b"\r")
    if not value:
        raise InvalidInput(
            "there is no value on the standard input",
            field="value",
            remedy="pipe it in, or give --file",
        )
    return value


def _show(deal: int, state: SecretState, as_json: bool, done: str) -> None:
    for peer, why in sorted(state.silent.items()):
        say(f"peer {peer} does not have it: {why}; the others seal it to it", err=True)
    names = sorted(state.listed.digests)
    if as_json:
        missing = {str(peer): list(lacking) for peer, lacking in state.missing.items()}
        print_json(
            {
                "deal": deal,
                "version": state.listed.version,
                "secrets": names,
                "peers": list(state.peers),
                "missing": missing,
                "silent": sorted(state.silent),
            }
        )
        return
    if done:
        say(f"{done}: deal {deal}, version {state.listed.version}")
        return
    if not names:
        say(f"deal {deal} has no secret")
        return
    rows = [
        (
            name,
            count(
                sum(
                    peer not in state.silent and name not in state.missing.get(peer, ())
                    for peer in state.peers
                ),
                "peer",
            ),
        )
        for name in names
    ]
    print_table(
        f"Secrets of deal {deal}, version {state.listed.version}", ["name", "open to"], rows
    )

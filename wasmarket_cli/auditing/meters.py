"""`wasmarket meter | audit watch`: check what peers did, sign for it, have liars convicted."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from meter.journal import Journal
from meter.rerun import Execute
from meter.run import JOURNAL_FILE, MeterParts, MeterProcess, run_meter
from meter.settings import MeterSettings
from wasmarket import __version__
from wasmarket.chain.sending.wallet import load_account, load_or_create_account
from wasmarket.client.wiring import Wiring
from wasmarket.serving.outbound import Outbound
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_json, print_line, print_table
from wasmarket_cli.wiring import wire

NAMES = ("deal", "assignment", "peer", "epoch")


@click.group()
def meter() -> None:
    """The process that checks receipts of metered deals and signs for what is true."""


@meter.command("run")
@click.option("--host", help="Address to listen on [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port, 0: any free one [8603]")
@click.option("--key", metavar="NAME", help="Account in keys/ that the deals name [meter]")
@click.option("--rerun", is_flag=True, help="Run a share of the calls again [compare papers only]")
@click.pass_context
def meter_run(
    ctx: click.Context, host: str | None, port: int | None, key: str | None, rerun: bool
) -> None:
    """Sign for the usage of the deals that name this account, until told to stop.

    Receipts are checked against the roots that peers committed, vouchers are brought to the peers,
    and peers that contradict themselves or show nothing are convicted or asked, within the budget.
    """
    configure_logging()
    wiring = wire(ctx)
    with _executing(wiring) if rerun else nullcontext() as execute:
        flags: dict[str, object] = {"host": host, "port": port, "key": key}
        _serve(wiring, flags, watches_all=False, execute=execute)


@meter.command("journal")
@click.option("--last", type=click.IntRange(1), default=50, show_default=True, help="Lines")
@json_option
@click.pass_context
def show_journal(ctx: click.Context, last: int, as_json: bool) -> None:
    """Show what the meter found and did, oldest first."""
    wiring = wire(ctx)
    journal = Journal(_folder(wiring, _settings(wiring, {})) / JOURNAL_FILE, is_read_only=True)
    lines = list(journal.read())[-last:]
    if as_json:
        print_json(lines)
        return
    rows = [
        (line["what"], *(str(line.get(name, "")) for name in NAMES), _tell(line)) for line in lines
    ]
    print_table("Journal", ["what", *NAMES, "more"], rows)


@click.command()
@click.option("--host", help="Address to listen on [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port, 0: any free one [8603]")
@click.option("--key", metavar="NAME", help="Account in keys/ that acts and earns [meter]")
@click.pass_context
def watch(ctx: click.Context, host: str | None, port: int | None, key: str | None) -> None:
    """Check the receipts of everybody's deals, until told to stop; signs for none.

    A conviction pays whoever brings it about: a quarter of what is seized, up to a cap.
    """
    configure_logging()
    _serve(wire(ctx), {"host": host, "port": port, "key": key}, watches_all=True)


@contextmanager
def _executing(wiring: Wiring) -> Iterator[Execute]:
    from wasmarket_cli.auditing.execution import run_executor  # noqa: PLC0415 - the extra `peer`

    folder = _folder(wiring, _settings(wiring, {})) / "reruns"
    gateways = (wiring.client.gateway,)
    outbound = Outbound(wiring.outbound.allow_private_addresses, trusted=gateways)
    with run_executor(folder, outbound, gateways) as execute:
        yield execute


@contextmanager
def host_meter(wiring: Wiring, key: str | None, *, reruns: bool) -> Iterator[MeterProcess]:
    """Give the meter of this home for another service to host. Raises Conflict if one runs."""
    with _executing(wiring) if reruns else nullcontext() as execute:
        parts = _build_parts(wiring, {"key": key}, watches_all=False, execute=execute)
        yield MeterProcess(parts, wiring.rpc)


def _serve(
    wiring: Wiring,
    flags: dict[str, object],
    *,
    watches_all: bool,
    execute: Execute | None = None,
) -> None:
    parts = _build_parts(wiring, flags, watches_all=watches_all, execute=execute)
    run_meter(parts, rpc=wiring.rpc, on_ready=lambda url: print_line(ready=True, url=url))


def _build_parts(
    wiring: Wiring, flags: dict[str, object], *, watches_all: bool, execute: Execute | None
) -> MeterParts:
    settings = _settings(wiring, flags)
    password = wiring.password(settings.key)
    load = load_or_create_account if flags["key"] is None else load_account
    account = load(wiring.home.keys, settings.key, password)
    return MeterParts(
        settings=settings,
        deployment=wiring.known_deployment,
        account=account,
        sender=wiring.sender(account),
        folder=_folder(wiring, settings) / ("watch" if watches_all else ""),
        outbound=Outbound(wiring.outbound.allow_private_addresses),
        version=__version__,
        confirmations=wiring.chain.confirmations,
        check_headers=wiring.chain.check_headers,
        execute=execute,
        watches_all=watches_all,
    )


def _settings(wiring: Wiring, flags: dict[str, object]) -> MeterSettings:
    return wiring.configuration.read(MeterSettings, "meter", flags)


def _folder(wiring: Wiring, settings: MeterSettings) -> Path:
    return Path(settings.folder).expanduser() if settings.folder else wiring.home.root / "meter"


def _tell(line: dict[str, object]) -> str:
    told = {k: v for k, v in line.items() if k not in ("what", "at", "summed", "receipt", *NAMES)}
    return ", ".join(f"{name} {value}" for name, value in told.items())

"""`wasmarket keeper run | check | journal`: look after runways, claims and alarms by a policy."""

from pathlib import Path
from typing import Any

import click

from keeper.accounts import DeveloperAccount, ProviderAccount, StatementAccount
from keeper.book import read_book
from keeper.duties.monthly import WritePdf
from keeper.duties.runways import find_wanted
from keeper.policy import KeeperPolicy, load_policy
from keeper.run import JOURNAL_FILE, KeeperParts, run_keeper
from keeper.settings import KeeperSettings
from wasmarket import __version__
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.units import format_usdc
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outbound_http import create_client
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_json, print_line, print_table, say
from wasmarket_cli.wiring import wire

POLICY = click.Path(dir_okay=False, path_type=Path)
FILE_NAME = "keeper.toml"
DONE = ("what", "deal", "key", "about")


@click.group()
def keeper() -> None:
    """The process that keeps deals funded, claims earnings and raises alarms, by a policy file."""


@keeper.command("run")
@click.option("--policy", type=POLICY, help="Policy file [keeper.toml under the home]")
@click.option("--host", help="Address to listen on [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port, 0: any free one [8606]")
@click.pass_context
def keeper_run(ctx: click.Context, policy: Path | None, host: str | None, port: int | None) -> None:
    """Do what the policy says until told to stop.

    Deals below their floor are topped up within the month's limit, earnings are claimed when that
    is worth its gas, and what people should know is said once: in the log, by webhook, mail or
    command.
    """
    configure_logging()
    wiring = wire(ctx)
    settings, file, rules = _read(wiring, policy, {"host": host, "port": port})
    # Asked for now: a keeper that runs unseen cannot ask for passwords.
    keys = {r.key for r in rules.runways} | {r.key for r in rules.payouts}
    for key in sorted(keys | {r.key for r in rules.alarms}):
        wiring.account(key or None)
    for rule in rules.statements:
        wiring.address(rule.key or None)
    outbound = Outbound(wiring.outbound.allow_private_addresses)
    with create_client(outbound, timeout=settings.request_seconds) as peers:
        parts = KeeperParts(
            settings=settings,
            policy=rules,
            policy_folder=file.parent,
            folder=_folder(wiring, settings),
            deployment=wiring.known_deployment,
            funders={r.key: DeveloperAccount(wiring, r.key) for r in rules.runways},
            claimers={r.key: ProviderAccount(wiring, r.key, peers) for r in rules.payouts},
            watched={r.key: ProviderAccount(wiring, r.key, peers) for r in rules.alarms},
            statements={r.key: StatementAccount(wiring, r.key) for r in rules.statements},
            write_pdf=_find_pdf_writer(rules),
            read_time=wiring.clock.refresh,
            read_gas_price=lambda: sum_fees(wiring),
            http=create_http_client(timeout=settings.request_seconds),
            version=__version__,
        )
        run_keeper(parts, on_ready=lambda url: print_line(ready=True, url=url))


@keeper.command("check")
@click.option("--policy", type=POLICY, help="Policy file [keeper.toml under the home]")
@json_option
@click.pass_context
def check(ctx: click.Context, policy: Path | None, as_json: bool) -> None:
    """Read the policy and show what it would do for each deal now; nothing is signed."""
    wiring = wire(ctx)
    _, _, rules = _read(wiring, policy, {})
    found: list[dict[str, Any]] = []
    for rule in rules.runways:
        account = DeveloperAccount(wiring, rule.key)
        known = account.deals()
        deals = [deal for deal in rule.deals or known if deal in known]
        for deal, state in zip(deals, account.read(deals), strict=True):
            metered = known[deal].is_metered
            wanted = find_wanted(rule, state, is_metered=metered)
            found.append(
                {
                    "deal": deal,
                    "metered": metered,
                    "runway": state.runway,
                    "balance": str(state.balance),
                    "top_up": str(wanted),
                }
            )
    if as_json:
        print_json(found)
        return
    say(
        f"{len(rules.runways)} rules for runways, {len(rules.payouts)} for payouts,"
        f" {len(rules.alarms)} for alarms, {len(rules.statements)} for statements"
    )
    rows = [
        (
            str(row["deal"]),
            "-" if row["metered"] else f"{row['runway']} epochs",
            format_usdc(int(row["balance"])),
            format_usdc(int(row["top_up"])),
        )
        for row in found
    ]
    print_table("Deals", ["deal", "runway", "balance USDC", "would get USDC"], rows)


@keeper.command("journal")
@click.option("--last", type=click.IntRange(1), default=50, show_default=True, help="Lines")
@json_option
@click.pass_context
def show_journal(ctx: click.Context, last: int, as_json: bool) -> None:
    """Show what the keeper did and said, oldest first."""
    wiring = wire(ctx)
    settings = wiring.configuration.read(KeeperSettings, "keeper")
    lines = list(read_book(_folder(wiring, settings) / JOURNAL_FILE))[-last:]
    if as_json:
        print_json(lines)
        return
    rows = [(*(str(line.get(name, "")) for name in DONE), _tell(line)) for line in lines]
    print_table("Journal", [*DONE, "more"], rows)


def _find_pdf_writer(rules: KeeperPolicy) -> WritePdf:
    """Return what writes PDFs, if the policy wants some: then a missing extra is said now."""
    if not any("pdf" in rule.formats for rule in rules.statements):
        return lambda _: b""
    # fpdf2 is an extra.
    from wasmarket.client.statements.pdf import write_pdf  # noqa: PLC0415

    return write_pdf


def sum_fees(wiring: Wiring) -> int:
    """Return what a unit of gas costs now, wei."""
    fees = wiring.rpc.fetch_fees()
    return fees.base + fees.tip


def _read(
    wiring: Wiring, policy: Path | None, flags: dict[str, object]
) -> tuple[KeeperSettings, Path, KeeperPolicy]:
    settings = wiring.configuration.read(KeeperSettings, "keeper", flags)
    usual = Path(settings.policy).expanduser() if settings.policy else wiring.home.root / FILE_NAME
    file = policy or usual
    return settings, file, load_policy(file)


def _folder(wiring: Wiring, settings: KeeperSettings) -> Path:
    return Path(settings.folder).expanduser() if settings.folder else wiring.home.root / "keeper"


def _tell(line: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in line.items() if name not in DONE)

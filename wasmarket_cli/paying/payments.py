"""`wasmarket payments`: a gateway that takes cards, its sandbox, its books; a buyer's receipts."""

import threading
import time
from pathlib import Path

import click
import httpx

from payments.books.postings import post_capital
from payments.books.reconciling import BookDifference, Reconciler
from payments.processors.choice import build_processor
from payments.run import PaymentsChain, run_payments
from payments.sandbox.run import run_sandbox
from payments.settings import PaymentsSettings
from payments.treasury import Treasury
from wasmarket import __version__
from wasmarket.chain.sending.fates import FateReader
from wasmarket.chain.sending.wallet import Account, load_or_create_account
from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import ConfigError, InvalidInput, NotFound
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket.store.database import Database, open_database
from wasmarket.store.enums import FrozenKind
from wasmarket.store.migrate import upgrade
from wasmarket.store.payments.entries import post_entry
from wasmarket.store.payments.parties import fetch_frozen, thaw
from wasmarket_cli.errors import Exit
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import print_json, print_line, print_table, say, show_done, write_time
from wasmarket_cli.paying.buying import tokens_of
from wasmarket_cli.paying.cards import card
from wasmarket_cli.wiring import wire

SANDBOX_PORT = 8605
SINCE_DAYS = 30


@click.group()
def payments() -> None:
    """Take cards for tokens: the gateway, a sandbox to try it with, its books, your receipts."""


payments.add_command(card)


@payments.command("run")
@click.option("--host", help="Address to listen on [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port, 0: any free one [8604]")
@click.option("--key", metavar="NAME", help="The treasury's account in keys/ [treasury]")
@click.pass_context
def run(ctx: click.Context, host: str | None, port: int | None, key: str | None) -> None:
    """Sell tokens of the treasury for cards, until told to stop; several share one store."""
    configure_logging()
    wiring = wire(ctx)
    settings = _settings(wiring, {"host": host, "port": port, "key": key})
    stop = threading.Event()
    run_payments(
        settings,
        database=_database(wiring),
        deployment=wiring.known_deployment,
        chain=_chain(wiring, _account(wiring, settings), stop),
        version=__version__,
        on_ready=lambda url: print_line(ready=True, url=url),
        stop=stop.set,
    )


@payments.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=SANDBOX_PORT, show_default=True, help="Port"
)
@click.option("--webhook", metavar="URL", help="Where to send webhooks [the gateway's]")
@click.pass_context
def sandbox(ctx: click.Context, host: str, port: int, webhook: str | None) -> None:
    """Run a processor of cards that are none, for trying and tests."""
    configure_logging()
    wiring = wire(ctx)
    settings = _settings(wiring, {})
    if not settings.processor_key or not settings.webhook_secrets:
        raise ConfigError(
            "the sandbox needs a key and a secret",
            field="payments.processor_key",
            remedy="set [payments] processor_key and webhook_secrets, the gateway's as well",
        )
    gateway = settings.public_url or f"http://{settings.host}:{settings.port}"
    run_sandbox(
        host=host,
        port=port,
        file=wiring.home.root / "payments" / "sandbox.jsonl",
        key=settings.processor_key,
        secret=settings.webhook_secrets[0],
        webhook_url=webhook or f"{gateway.rstrip('/')}/v1/webhooks/sandbox",
        version=__version__,
        on_ready=lambda url: print_line(ready=True, url=url),
    )


@payments.command()
@click.option(
    "--days",
    type=click.IntRange(0),
    default=SINCE_DAYS,
    show_default=True,
    help="Ask the processor about purchases of so many days",
)
@click.option("--book-capital", is_flag=True, help="Post what you put into the treasury, or took")
@json_option
@click.pass_context
def reconcile(ctx: click.Context, days: int, book_capital: bool, as_json: bool) -> int:
    """Compare the ledger with the chain and the processor; print what differs."""
    wiring = wire(ctx)
    settings = _settings(wiring, {})
    database = _database(wiring)
    upgrade(database)
    chain = _chain(wiring, _account(wiring, settings), threading.Event())
    treasury = Treasury(chain.reader, wiring.known_deployment, chain.sender, chain.fetch_coins)
    with create_http_client(timeout=httpx.Timeout(settings.processor_timeout)) as http:
        reconciler = Reconciler(database, treasury, build_processor(settings, http))
        since = int(time.time()) - days * 86_400
        if book_capital:
            _book_capital(database, reconciler.check_treasury())
        found = reconciler.find_differences(asks_processor=bool(days), since=since)
    database.close()
    if as_json:
        rows = [
            {"what": d.what, "of": d.of, "ledger": str(d.ledger), "other": str(d.other)}
            for d in found
        ]
        print_json({"differences": rows})
    elif found:
        print_table(
            "Differences",
            ["what", "of", "#ledger", "#other", "#difference"],
            [(d.what, d.of, d.ledger, d.other, d.other - d.ledger) for d in found],
        )
    else:
        say("the ledger balances with itself, the chain and the processor")
    return Exit.FAILED if found else Exit.OK


@payments.command("thaw")
@click.argument("frozen", required=False, metavar="[KEY]")
@json_option
@click.pass_context
def thaw_party(ctx: click.Context, frozen: str | None, as_json: bool) -> None:
    """List cards and accounts that a dispute has frozen, or let KEY buy again."""
    database = _database(wire(ctx))
    upgrade(database)
    if frozen is None:
        with database.read() as session:
            found = fetch_frozen(session)
        if as_json:
            print_json([{"kind": f.kind, "key": f.key, "reason": f.reason} for f in found])
        else:
            rows = [(f.kind, f.key, f.reason, write_time(f.since)) for f in found]
            print_table("Frozen", ["kind", "key", "reason", "since"], rows)
        return
    with database.write() as session:
        done = [thaw(session, kind, frozen) for kind in FrozenKind]
    if not any(done):
        raise NotFound(f"nothing is frozen as {frozen}", remedy="`wasmarket payments thaw` lists")
    show_done(as_json, f"{frozen} may buy again", thawed=frozen)


@payments.command()
@key_option
@json_option
@click.pass_context
def history(ctx: click.Context, key: str | None, as_json: bool) -> None:
    """List your account's purchases by card, newest first."""
    found = PaymentsClient(wire(ctx), key).history()
    if as_json:
        print_json(found)
        return
    rows = [
        (
            write_time(one["created_at"]),
            one["state"],
            f"{int(one['amount']) / 100:.2f} {one['currency'].upper()}",
            tokens_of(one),
            "" if one["deal"] is None else one["deal"],
            one["id"],
        )
        for one in found
    ]
    print_table("Purchases", ["when", "state", "#paid", "#tokens", "#deal", "checkout"], rows)


@payments.command()
@click.argument("checkout")
@click.option("--output", type=click.Path(path_type=Path), help="Write it to this file [stdout]")
@click.option("--pdf", is_flag=True, help="As PDF; also where FILE ends with .pdf")
@key_option
@json_option
@click.pass_context
def receipt(
    ctx: click.Context,
    checkout: str,
    output: Path | None,
    pdf: bool,
    key: str | None,
    as_json: bool,
) -> None:
    """Write the receipt of CHECKOUT: an HTML page, or a PDF where the file is named so."""
    if pdf and output is None:
        raise InvalidInput("a PDF needs a file", field="output", remedy="give --output FILE")
    is_pdf = pdf or (output is not None and output.suffix.lower() == ".pdf")
    content = PaymentsClient(wire(ctx), key).receipt(checkout, "pdf" if is_pdf else "html")
    if output is not None:
        output.write_bytes(content)
        show_done(as_json, f"written to {output}", checkout=checkout, file=str(output))
    elif as_json:
        print_json({"checkout": checkout, "html": content.decode()})
    else:
        click.echo(content.decode(), nl=False)


def _settings(wiring: Wiring, flags: dict[str, object]) -> PaymentsSettings:
    return wiring.configuration.read(PaymentsSettings, "payments", flags)


def _account(wiring: Wiring, settings: PaymentsSettings) -> Account:
    password = wiring.password(settings.key)
    return load_or_create_account(wiring.home.keys, settings.key, password)


def _chain(wiring: Wiring, account: Account, stop: threading.Event) -> PaymentsChain:
    return PaymentsChain(
        reader=wiring.rpc,
        sender=wiring.sender(account, stop),
        fates=FateReader(wiring.rpc, account.address),
        fetch_coins=wiring.rpc.fetch_balance,
        now=wiring.clock.refresh,
    )


def _database(wiring: Wiring) -> Database:
    wiring.home.root.mkdir(parents=True, exist_ok=True)
    return open_database(wiring.store_url)


def _book_capital(database: Database, differences: list[BookDifference]) -> None:
    now = int(time.time())
    with database.write() as session:
        for one in differences:
            entry = post_capital(f"capital:{one.of}:{now}", one.of, one.other - one.ledger)
            post_entry(session, entry, now)

"""`wasmarket build | run`: an app on this machine, without a chain."""

import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import click
import httpx

from peer.runtime.errors import CallRefused, GuestFault, GuestTrap
from peer.runtime.module.code_files import prune_code
from peer.runtime.module.service import BodyKind, GuestResult
from peer.runtime.sandbox.folder_walk import hand_over
from peer.runtime.sandbox.privileges import is_root
from wasmarket.app.file import App
from wasmarket.client.home import Home
from wasmarket.kernel.errors import MarketError
from wasmarket_cli.building.build import build_app
from wasmarket_cli.developer.apps.app_check import check_app, warn_of_app
from wasmarket_cli.developer.apps.app_pool import open_pool
from wasmarket_cli.developer.apps.own_effects import OwnEffects
from wasmarket_cli.developer.arguments import parse_arguments, parse_function, raw_option, read_raw
from wasmarket_cli.developer.desk.source_watch import LOOK_SECONDS, SourceWatch
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_facts, print_json, print_value, say, tell

CODE_BYTES: Final = 256 << 20
CODE_GRACE_SECONDS: Final = 3_600.0
"""Compiled code that stays for later runs, and how young what other runs may use at least is."""


@click.command()
@click.argument("app", type=click.Path(path_type=Path), default=".")
@click.option("--watch", is_flag=True, help="Build again at each change of the sources")
@json_option
def build(app: Path, watch: bool, as_json: bool) -> None:
    """Build APP (an app.toml or its folder), check it as a peer would, show what it is.

    Modules whose `build` names a language and a source are compiled, unless the same sources were
    compiled by the same tools before. With --watch, until Ctrl-C.
    """
    if not watch:
        _build_once(app, as_json)
        return
    seen = SourceWatch(app)
    # Shells start what is in the background with Ctrl-C ignored; here it is how this ends.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        while True:
            try:
                _build_once(app, as_json)
            except MarketError as error:
                say(f"not built: {error.detail}", err=True)
                if error.remedy:
                    say(f"  hint: {error.remedy}", err=True)
            while not seen.has_settled_change():
                time.sleep(LOOK_SECONDS)


def _build_once(app: Path, as_json: bool) -> None:
    built = build_app(app, tell)
    check_app(built)
    warn_of_app(built)
    modules = [
        (f"{service.name}/{module.name}", str(module.cid))
        for service in built.manifest.services
        for module in service.modules
    ]
    if as_json:
        print_json(
            {
                "name": built.manifest.name,
                "app": built.app,
                "cid": str(built.cid),
                "modules": modules,
            }
        )
        return
    print_facts(
        built.manifest.name,
        [("manifest", built.cid), ("on chain", built.app), ("bytes", f"{built.size:,}"), *modules],
    )


@click.command()
@click.argument("app", type=click.Path(path_type=Path))
@click.argument("function", metavar="SERVICE.FUNCTION")
@click.argument("arguments", nargs=-1)
@click.option("--storage", type=click.Path(path_type=Path), help="Keep /storage in this folder")
@click.option("--trust", multiple=True, metavar="URL", help="Let `http` reach this private host")
@raw_option
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    app: Path,
    function: str,
    arguments: tuple[str, ...],
    storage: Path | None,
    trust: tuple[str, ...],
    raw: str | None,
    as_json: bool,
) -> None:
    """Call SERVICE.FUNCTION of APP on this machine, as a peer would, and print its answer.

    Each of ARGUMENTS is JSON, or a string if it is not valid JSON.
    """
    built = build_app(app, tell)
    target = parse_function(function)
    if raw is None:
        kind, body = BodyKind.JSON, json.dumps(parse_arguments(arguments)).encode()
    else:
        kind, body = BodyKind.RAW, read_raw(raw, arguments)
    home: Home = ctx.obj[0]
    with tempfile.TemporaryDirectory(prefix="wasmarket-") as folder, open_code(home) as code:
        kept = storage or Path(folder) / "storage"
        kept.mkdir(parents=True, exist_ok=True)
        owner = kept.stat()
        try:
            call = _run(built, Path(folder), code, kept, target, body, kind, trust)
            result = asyncio.run(call)
        except GuestFault as fault:
            _print_logs(fault.logs)
            raise _explain(fault) from fault
        finally:
            if is_root():
                # The worker was nobody, and so are its files.
                hand_over(kept, owner.st_uid, owner.st_gid)
    if raw is not None:
        _print_logs(result.logs)
        sys.stdout.buffer.write(result.output)
        return
    value = json.loads(result.output)["result"]
    if as_json:
        print_json({"result": value, "fuel": result.fuel, "duration_us": result.duration_us})
        return
    _print_logs(result.logs)
    print_value(value)


@contextmanager
def open_code(home: Home) -> Iterator[Path]:
    """Give a folder for compiled code that later runs find again; it is kept small."""
    code = home.code
    try:
        code.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        # A home that cannot be written costs a compilation at each run.
        with tempfile.TemporaryDirectory(prefix="wasmarket-") as folder:
            yield Path(folder)
        return
    yield code
    prune_code(code, (), CODE_BYTES, CODE_GRACE_SECONDS)


def _explain(fault: GuestFault) -> GuestFault:
    """Return the fault with a hint that helps here, where there is no deal whose logs to read."""
    if isinstance(fault, CallRefused):
        remedy = "`wasmarket module inspect FILE` says what each function takes"
    elif isinstance(fault, GuestTrap):
        said = "what it logged is above" if fault.logs else "it logged nothing"
        remedy = f"{said}; a guest's panic message comes from its log or stderr"
    else:
        return fault
    return type(fault)(fault.detail, field=fault.field, remedy=remedy, logs=fault.logs)


def _print_logs(lines: Sequence[str]) -> None:
    for line in lines:
        say(str(line), err=True)


async def _run(
    app: App,
    folder: Path,
    code: Path,
    storage: Path,
    function: tuple[str, str],
    body: bytes,
    kind: BodyKind,
    trusted: tuple[str, ...],
) -> GuestResult:
    effects = OwnEffects(folder, storage, httpx.AsyncClient(trust_env=False), trusted)
    try:
        async with open_pool(app, folder, code, storage, effects.open_effects) as pool:
            return await pool.call(*function, body, kind)
    finally:
        await effects.close()

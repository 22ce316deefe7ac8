"""`wasmarket aqua`: compile Aqua, run it at a peer, show the way that it took."""

from pathlib import Path

import click

from wasmarket.app.aqua.compiler import CompiledAqua, find_compiler
from wasmarket.app.aqua.compiler import compile_aqua as compile_file
from wasmarket.client.home import Home
from wasmarket.client.market.scripts import ScriptRunner, TraceStep, write_compiled
from wasmarket.kernel.documents.flows import dump_interface
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import print_json, print_table, print_value, say
from wasmarket_cli.wiring import wire

imports_option = click.option(
    "--import",
    "imports",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="Folder in which imports are looked for too",
)
constants_option = click.option(
    "--const", "constants", metavar="NAME=VALUE", multiple=True, help="Constant of the source"
)


@click.group()
def aqua() -> None:
    """Scripts in Aqua: compile and run them."""


@aqua.command("compile")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Write scripts into this folder"
)
@imports_option
@constants_option
@json_option
@click.pass_context
def compile_command(
    ctx: click.Context,
    path: Path,
    out: Path | None,
    imports: tuple[Path, ...],
    constants: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compile FILE to AIR and show what it exports; errors name file, line and column."""
    home: Home = wire(ctx).home
    compiled = compile_file(path, find_compiler(home.root), imports, constants)
    for warning in compiled.warnings:
        say(warning, err=True)
    written = write_compiled(compiled, out) if out else []
    if as_json:
        print_json({name: dump_interface(f.interface) for name, f in compiled.functions.items()})
        return
    _show(compiled)
    for file in written:
        say(f"wrote {file}")


@aqua.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("call", metavar="'FUNCTION(ARGUMENTS)'")
@click.option("--relay", type=click.IntRange(1), help="Peer that begins it, by its number")
@click.option("--deal", type=click.IntRange(1), help="Begin it at a peer of this deal")
@click.option("--ttl", "ttl_ms", type=click.IntRange(100), default=15_000, help="Milliseconds")
@click.option("--trace", is_flag=True, help="Show each hop and call, with time and result")
@imports_option
@constants_option
@key_option
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    path: Path,
    call: str,
    relay: int | None,
    deal: int | None,
    ttl_ms: int,
    trace: bool,
    imports: tuple[Path, ...],
    constants: tuple[str, ...],
    key: str | None,
    as_json: bool,
) -> None:
    """Run a function of FILE and print what it gives; arguments are JSON: `'hello("World")'`."""
    runner = ScriptRunner(wire(ctx), key)
    done = runner.run_aqua(
        path, call, relay=relay, deal=deal, ttl_ms=ttl_ms, imports=imports, constants=constants
    )
    steps = list(runner.trace(done)) if trace else []
    if as_json:
        answer = {"particle": done.particle, "result": done.value, "callbacks": done.callbacks}
        rows = [
            {"at": s.at, "peer": s.peer, "what": s.what, "result": s.result, "receipt": s.receipt}
            for s in steps
        ]
        print_json(answer | ({"trace": rows} if trace else {}))
        return
    for name, told in done.callbacks.items():
        for arguments in told:
            say(f"{name}: {arguments}", err=True)
    print_value(done.value)
    if trace:
        _show_trace(done.particle, steps)


def _show(compiled: CompiledAqua) -> None:
    for function in compiled.functions.values():
        taken = ", ".join(f"{name}: {kind}" for name, kind in function.interface.arguments)
        given = ", ".join(function.interface.results)
        say(f"{function.name}({taken})" + (f" -> {given}" if given else ""))


def _show_trace(particle: str, steps: list[TraceStep]) -> None:
    began = min((step.at for step in steps if step.at), default=0)
    print_table(
        f"Particle {particle}",
        ["#ms", "peer", "what", "#µs", "result", "receipt"],
        [
            [
                step.at - began if step.at else "",
                step.peer,
                step.what,
                step.duration_us or "",
                step.result,
                step.receipt.rpartition(":")[0],
            ]
            for step in steps
        ],
    )
    say(draw_way(steps))


def draw_way(steps: list[TraceStep]) -> str:
    """Return a picture of a particle's way: each change of place, with what was called there."""
    places: list[tuple[str, list[str]]] = []
    for step in steps:
        if step.what == "problem" or step.what.startswith("to "):
            continue
        if not places or places[-1][0] != step.peer:
            places.append((step.peer, []))
        if not step.what.startswith("op."):
            places[-1][1].append(step.what + ("" if step.result == "ok" else f" ({step.result})"))
    lines = []
    for index, (place, calls) in enumerate(places):
        joint = "└─" if index == len(places) - 1 else "├─"
        lines.append(f"{joint}● {place}" + (f": {', '.join(calls)}" if calls else ""))
    return "\n".join(lines)

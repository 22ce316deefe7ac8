"""`wasmarket repl`: call the functions of an app, or of a deal, line by line."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import click
import httpx

from peer.runtime.errors import GuestFault
from wasmarket.app.file import App
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.home import Home
from wasmarket.kernel.errors import MarketError
from wasmarket_cli.building.build import build_app
from wasmarket_cli.developer.apps.app_check import check_app
from wasmarket_cli.developer.apps.app_runner import AppRunner
from wasmarket_cli.developer.apps.commands import open_code
from wasmarket_cli.developer.apps.own_effects import OwnEffects
from wasmarket_cli.developer.desk.repl_lines import (
    Interfaces,
    ReplCall,
    complete,
    describe_functions,
    parse_line,
)
from wasmarket_cli.developer.desk.source_watch import SourceWatch
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import print_line, say, tell
from wasmarket_cli.wiring import wire

HISTORY: Final = "repl.history"
MIB: Final = 1 << 20
HELP: Final = """\
FUNCTION [ARGUMENT]…  call it; arguments are JSON, or words: add 2 3 · greet Ada
                      one object gives them by name: add {"a": 2, "b": 3}
help · reload · quit  this list · build again · end (so does Ctrl-D)"""


@dataclass(frozen=True, slots=True)
class ReplAnswer:
    """What a call answered and took; None: that is not known."""

    value: Any
    duration_us: int
    fuel: int
    memory: int | None = None
    """The most bytes that the worker has taken."""
    logs: tuple[str, ...] = ()


class ReplTarget(Protocol):
    """Whose functions are called."""

    def interfaces(self) -> Interfaces:
        """Return the typed functions by service."""

    def refresh(self, *, always: bool) -> str:
        """Take what has changed; return what to say of it. Raises MarketError."""

    def call(self, call: ReplCall) -> ReplAnswer:
        """Make a call. Raises MarketError."""


class ReplApp:
    """An app on a worker of this machine."""

    def __init__(self, path: Path, runner: AppRunner) -> None:
        self._path = path
        self._runner = runner
        self._watch = SourceWatch(path)
        self._build()

    def interfaces(self) -> Interfaces:
        """Return the typed functions by service."""
        return self._runner.interface()

    def refresh(self, *, always: bool) -> str:
        """Build again if the sources have changed. Raises MarketError; the version before stays."""
        if not self._watch.take_change() and not always:
            return ""
        self._build()
        return "reloaded"

    def call(self, call: ReplCall) -> ReplAnswer:
        """Make a call."""
        value, result = self._runner.call_json(call.service, call.function, call.arguments)
        memory = self._runner.peak_memory()
        return ReplAnswer(value, result.duration_us, result.fuel, memory, result.logs)

    def _build(self) -> None:
        built = build_app(self._path, tell)
        check_app(built)
        self._runner.load(built)


class ReplDeal:
    """A deal, called through its gateway."""

    def __init__(self, client: DeveloperClient, deal: int) -> None:
        self._client = client
        self._deal = deal
        self._known = client.interface(deal)

    def interfaces(self) -> Interfaces:
        """Return the typed functions by service, as they were at the last look."""
        return self._known

    def refresh(self, *, always: bool) -> str:
        """Ask for the functions again if that is wanted."""
        if not always:
            return ""
        self._known = self._client.interface(self._deal)
        return "its functions as they are now"

    def call(self, call: ReplCall) -> ReplAnswer:
        """Make a call; its time is that of the way there and back."""
        began = time.perf_counter()
        answer = self._client.call(self._deal, call.service, call.function, call.arguments)
        took = int((time.perf_counter() - began) * 1_000_000)
        return ReplAnswer(answer.value, took, int(answer.fuel or 0))


@click.command()
@click.argument("what", metavar="[APP|DEAL]", default=".")
@click.option("--trust", multiple=True, metavar="URL", help="Let `http` reach this private host")
@key_option
@json_option
@click.pass_context
def repl(
    ctx: click.Context, what: str, trust: tuple[str, ...], key: str | None, as_json: bool
) -> None:
    """Call functions line by line: of APP on this machine, or of DEAL (a number).

    An app is built again when its sources have changed; what it stores is gone at the end. Lines
    may be piped in.
    """
    home: Home = ctx.obj[0]
    with ExitStack() as stack:
        if what.isascii() and what.isdigit():
            target: ReplTarget = ReplDeal(DeveloperClient(wire(ctx), key), int(what))
        else:
            target = _open_app(stack, Path(what), home, trust)
        _converse(target, _read_lines(home, target), as_json)


def _open_app(stack: ExitStack, path: Path, home: Home, trust: tuple[str, ...]) -> ReplApp:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wasmarket-")))
    code = stack.enter_context(open_code(home))

    def make_effects(app: App) -> OwnEffects:
        return OwnEffects(folder, folder / "storage", httpx.AsyncClient(trust_env=False), trust)

    runner = AppRunner(folder, code, make_effects)
    stack.callback(runner.close)
    return ReplApp(path, runner)


def _converse(target: ReplTarget, lines: Iterator[str], as_json: bool) -> None:
    if not as_json and sys.stdin.isatty():
        for line in describe_functions(target.interfaces()):
            say(line)
        say(HELP)
    for text in lines:
        # Whoever asks over pipes waits for each answer.
        sys.stdout.flush()
        try:
            said = target.refresh(always=text.strip() == "reload")
            if said:
                say(said, err=True)
            parsed = parse_line(text, target.interfaces())
            if parsed == "quit":
                return
            if parsed == "help":
                say("\n".join([*describe_functions(target.interfaces()), HELP]))
            if isinstance(parsed, ReplCall):
                _show(target.call(parsed), as_json)
        except MarketError as error:
            _show_error(error, as_json)


def _show(answer: ReplAnswer, as_json: bool) -> None:
    if as_json:
        print_line(
            result=answer.value,
            duration_us=answer.duration_us,
            fuel=answer.fuel,
            memory=answer.memory,
            logs=list(answer.logs),
        )
        return
    for line in answer.logs:
        say(f"  {line}")
    say(json.dumps(answer.value, ensure_ascii=False))
    facts = [f"{answer.duration_us / 1_000:.2f} ms"]
    facts += [f"{answer.memory / MIB:.0f} MiB"] if answer.memory else []
    facts += [f"fuel {answer.fuel:,}"] if answer.fuel else []
    say(f"  ({', '.join(facts)})")


def _show_error(error: MarketError, as_json: bool) -> None:
    logs = list(error.logs) if isinstance(error, GuestFault) else []
    if as_json:
        print_line(error=error.slug, detail=error.detail, remedy=error.remedy, logs=logs)
        return
    for line in logs:
        say(f"  {line}")
    say(f"{error.slug}: {error.detail}")
    if error.remedy:
        say(f"  hint: {error.remedy}")


def _read_lines(home: Home, target: ReplTarget) -> Iterator[str]:
    """Yield lines: of a terminal with history and completion, or as they are piped in."""
    if not sys.stdin.isatty():
        yield from sys.stdin
        return
    prompt = _build_prompt(home, target)
    while True:
        try:
            yield prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _build_prompt(home: Home, target: ReplTarget) -> Callable[[], str]:
    # What only a terminal needs is loaded for one only.
    from prompt_toolkit import PromptSession  # noqa: PLC0415
    from prompt_toolkit.completion import Completer, Completion  # noqa: PLC0415
    from prompt_toolkit.history import FileHistory  # noqa: PLC0415

    class Functions(Completer):
        """Names of functions, then what arguments look like."""

        def get_completions(self, document: Any, _: Any) -> Iterator[Completion]:
            text = document.text_before_cursor
            for found in complete(text, target.interfaces()):
                yield Completion(found, start_position=0 if text.endswith(" ") else -len(text))

    home.root.mkdir(parents=True, exist_ok=True)
    session: PromptSession[str] = PromptSession(
        "> ", completer=Functions(), history=FileHistory(str(home.root / HISTORY))
    )
    return session.prompt

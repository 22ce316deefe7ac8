"""The `wasmarket` command: find the command's module, run it, turn errors into one line and an
exit code.

Only the module of the command that is called is imported, so that `--help` is instant.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from wasmarket import __version__
from wasmarket.client.home import Home, find_home
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.signing.plan import PlanComplete
from wasmarket_cli.errors import Exit, Interrupted, report, report_usage, wants_json
from wasmarket_cli.extras import explain_missing
from wasmarket_cli.options import is_dry

DEBUG = "WASMARKET_DEBUG"
"""Set: bugs end with their trace on stderr instead of in a file."""

DEVELOPER = {
    "quote": ("wasmarket_cli.developer.quoting.quotes:quote", "Ask what units would cost now"),
    "deploy": (
        "wasmarket_cli.developer.deploy:deploy",
        "Publish an app, offer for units, wait for it",
    ),
    "update": ("wasmarket_cli.developer.releases.history:update", "Give a deal a new version"),
    "versions": ("wasmarket_cli.developer.releases.history:versions", "List what a deal ran"),
    "rollback": (
        "wasmarket_cli.developer.releases.history:rollback",
        "Give a deal an earlier version again",
    ),
    "scale": ("wasmarket_cli.developer.releases.scale:scale", "Give a deal more units, or fewer"),
    "build": ("wasmarket_cli.developer.apps.commands:build", "Compile an app, show what it is"),
    "init": (
        "wasmarket_cli.developer.apps.projects:init",
        "Begin an app in a language of your choice",
    ),
    "test": (
        "wasmarket_cli.developer.apps.app_tests:test",
        "Run an app's tests on the real runtime",
    ),
    "dev": (
        "wasmarket_cli.developer.desk.dev:dev",
        "Serve an app here without a chain, again at each change",
    ),
    "repl": ("wasmarket_cli.developer.desk.repl:repl", "Call functions line by line"),
    "run": (
        "wasmarket_cli.developer.apps.commands:run",
        "Call a function of an app here, without a chain",
    ),
    "explain": ("wasmarket_cli.developer.deals:explain", "Say why an offer is not matched"),
    "status": ("wasmarket_cli.developer.deals:status", "Show offers and deals"),
    "call": ("wasmarket_cli.developer.calls:call", "Call a function of a deal"),
    "access": ("wasmarket_cli.developer.access:access", "Show or change who may call a deal"),
    "logs": ("wasmarket_cli.developer.calls:logs", "Show what a deal's functions logged"),
    "metrics": (
        "wasmarket_cli.developer.releases.watching:metrics",
        "Show what a deal's calls did",
    ),
    "open": (
        "wasmarket_cli.developer.releases.watching:open_deal",
        "Open a deal's site in a browser",
    ),
    "runway": ("wasmarket_cli.developer.deals:runway", "Show how long a deal's balance lasts"),
    "usage": (
        "wasmarket_cli.developer.metered.usage:usage",
        "Show what a metered deal was used for",
    ),
    "redeem": ("wasmarket_cli.developer.metered.usage:redeem", "Have signed usage paid"),
    "buy": ("wasmarket_cli.paying.buying:buy", "Buy USDC or FLT by card"),
    "signup": ("wasmarket_cli.paying.signup:signup", "Make a key and get coins for gas"),
    "top-up": ("wasmarket_cli.developer.money:top_up", "Put USDC into a deal"),
    "take": ("wasmarket_cli.developer.money:take", "Take USDC out of a deal"),
    "drop": ("wasmarket_cli.developer.money:drop", "End single assignments of a deal"),
    "stop": ("wasmarket_cli.developer.money:stop", "End a deal and get the rest back"),
    "destroy": (
        "wasmarket_cli.developer.releases.destroy:destroy",
        "End a deal, forget it, get the rest back",
    ),
    "claim": ("wasmarket_cli.provider.providers:claim", "Claim what assignments have earned"),
    "statement": (
        "wasmarket_cli.paying.statements:statement",
        "Show what a month cost or earned, with its transactions",
    ),
}
NOUNS = {
    "provider": ("wasmarket_cli.provider.providers:provider", "Stake, earnings, withdrawals"),
    "offer": ("wasmarket_cli.provider.offers:offer", "Sign, post, list and cancel provider offers"),
    "peer": ("wasmarket_cli.provider.peers:peer", "Register a peer, run it"),
    "indexer": ("wasmarket_cli.operator.indexers:indexer", "Run the indexer, verify its store"),
    "export": ("wasmarket_cli.operator.exports:export", "Write the market as CSV or Parquet"),
    "matcher": ("wasmarket_cli.operator.matchers:matcher", "Run the matcher"),
    "gateway": ("wasmarket_cli.operator.gateways:gateway", "Run the gateway"),
    "meter": ("wasmarket_cli.auditing.meters:meter", "Check and sign the usage of metered deals"),
    "payments": (
        "wasmarket_cli.paying.payments:payments",
        "Run a payment gateway, show purchases",
    ),
    "keeper": (
        "wasmarket_cli.keeping.keeper:keeper",
        "Keep deals funded, claim, raise alarms, by a policy",
    ),
    "audit": ("wasmarket_cli.auditing.audits:audit", "Ask peers for receipts, watch everybody's"),
    "content": ("wasmarket_cli.operator.contents:content", "List, pin and remove content blocks"),
    "local": ("wasmarket_cli.local.commands:local", "A whole market on this machine"),
    "wallet": ("wasmarket_cli.wallets:wallet", "Keys, balances, deposits"),
    "aqua": ("wasmarket_cli.scripts.aqua:aqua", "Scripts in Aqua: compile and run them"),
    "flow": ("wasmarket_cli.scripts.flow:flow", "Check what flows left"),
    "secret": (
        "wasmarket_cli.developer.secrets:secret",
        "Values that only the peers of a deal can open",
    ),
    "trigger": ("wasmarket_cli.developer.triggers:trigger", "What clocks, events and starts call"),
    "module": ("wasmarket_cli.developer.apps.modules:module", "Look into Wasm modules"),
    "match": ("wasmarket_cli.developer.matches:match", "Show and verify match records"),
    "receipt": ("wasmarket_cli.developer.receipts:receipt", "Fetch and verify receipts"),
    "example": (
        "wasmarket_cli.developer.apps.examples:example",
        "Copy an example app to start from",
    ),
    "explorer": ("wasmarket_cli.explorer:explorer", "Open the market in a browser"),
    "config": ("wasmarket_cli.setup:config", "Show the settings in force"),
    "doctor": ("wasmarket_cli.setup:doctor", "Check that everything can be reached"),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    _sections = (("For developers", DEVELOPER), ("For providers and operators", NOUNS))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in the order of the help."""
        return [name for _, section in self._sections for name in section]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return one command."""
        entry = (DEVELOPER | NOUNS).get(name)
        if entry is None:
            return None
        module, _, attribute = entry[0].partition(":")
        try:
            command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            raise explain_missing(error, name) or error from error
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was named; a name that begins oddly is no option either."""
        if not args[0].startswith("-") and args[0] not in DEVELOPER | NOUNS:
            ctx.fail(f"No such command {args[0]!r}.")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named; it may load more of its modules only now."""
        try:
            result = super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise explain_missing(error, ctx.invoked_subcommand) or error from error
        except PlanComplete:
            result = Exit.OK
        if is_dry(ctx):
            show_plan(ctx)
        return result

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lists of commands without importing any."""
        for title, section in self._sections:
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in section.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 refused, 4 unreachable, 5 timed out.",
)
@click.option("--home", metavar="DIR", help="Home folder [$WASMARKET_HOME, ~/.wasmarket]")
@click.option("--profile", metavar="NAME", help="Profile of wasmarket.toml to use")
@click.version_option(__version__, message="%(version)s")
@click.pass_context
def root(ctx: click.Context, home: str | None, profile: str | None) -> None:
    """Rent other people's machines to run WebAssembly functions, or rent out yours."""
    ctx.obj = (find_home(os.environ, home), profile)


def show_plan(ctx: click.Context) -> None:
    """Write what a dry run would have signed."""
    module = importlib.import_module("wasmarket_cli.dry_run")
    module.show_plan(ctx)


def save_crash(bug: Exception, home: Home) -> MarketError:
    """Keep the trace of a bug in a file; return the error that names it."""
    folder = home.logs
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"crash-{os.getpid()}.log"
    file.write_text("".join(traceback.format_exception(bug)), encoding="utf-8")
    return MarketError(
        f"this is a bug of ours: {type(bug).__name__}: {bug}", remedy=f"please report {file}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    as_json = wants_json(given)
    try:
        result: Any = root.main(arguments, prog_name="wasmarket", standalone_mode=False)
    except MarketError as error:
        return report(error, as_json=as_json)
    except click.exceptions.Abort:
        return report(Interrupted("interrupted"), as_json=as_json)
    except click.ClickException as error:
        return report_usage(error, as_json=as_json)
    except BrokenPipeError:
        # The reader of a pipe has seen enough; keep Python from complaining when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        return report(save_crash(error, find_home(os.environ, _given_home(given))), as_json=as_json)
    return result if isinstance(result, int) else Exit.OK


def _given_home(arguments: Sequence[str]) -> str | None:
    """Return the value of --home, which a bug may have kept from being read."""
    for index, text in enumerate(arguments):
        name, separator, value = text.partition("=")
        if name == "--home":
            return value if separator else "".join(arguments[index + 1 : index + 2])
    return None

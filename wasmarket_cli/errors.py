"""How a command says what went wrong (DESIGN 8.8): exit codes from the tree of errors in one table,
a line and a hint for people, with `--json` a problem document (RFC 9457) for scripts.
"""

import io
import json
from collections.abc import Sequence
from enum import IntEnum

import click

from wasmarket.client.remedies import find_remedy
from wasmarket.kernel import errors
from wasmarket.kernel.terminal_text import clean_lines_for_terminal


class Exit(IntEnum):
    """What the shell gets."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    TIMED_OUT = 5


CODES: dict[type[errors.MarketError], Exit] = {
    errors.MarketError: Exit.FAILED,
    errors.InvalidInput: Exit.USAGE,
    errors.ConfigError: Exit.USAGE,
    errors.Refused: Exit.REFUSED,
    errors.Forbidden: Exit.REFUSED,
    errors.Unauthorized: Exit.REFUSED,
    errors.Conflict: Exit.REFUSED,
    errors.Unfunded: Exit.REFUSED,
    errors.RunwayOver: Exit.REFUSED,
    errors.LimitReached: Exit.REFUSED,
    errors.Unreachable: Exit.UNREACHABLE,
    errors.TimedOut: Exit.TIMED_OUT,
}


def exit_code(error: errors.MarketError) -> Exit:
    """Return the exit code of an error: that of its nearest class in the table."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return CODES[kind]
    return Exit.FAILED


class WrongUsage(errors.InvalidInput):
    """Wrong usage"""

    slug = "usage"


class Interrupted(errors.MarketError):
    """Interrupted"""

    slug = "interrupted"


def wants_json(arguments: Sequence[str]) -> bool:
    """Say whether a command line asks for JSON, also where it cannot be understood otherwise."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]


def report(error: errors.MarketError, *, as_json: bool = False) -> Exit:
    """Write an error to stderr, as one line and a hint or as JSON; return its exit code."""
    code, remedy = exit_code(error), find_remedy(error)
    if as_json:
        # Escaped as JSON does, so that nothing of it acts on a terminal.
        click.echo(json.dumps(_describe(error, remedy, code)), err=True)
        return code
    complain(f"wasmarket: {error.detail}")
    if remedy:
        complain(f"  hint: {remedy}")
    return code


def report_usage(error: click.ClickException, *, as_json: bool = False) -> Exit:
    """Say what was wrong with a command line, with how it is used; return the exit code."""
    if as_json:
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        detail, remedy = error.format_message(), f"see `{path or 'wasmarket'} --help`"
        report(WrongUsage(detail, remedy=remedy), as_json=True)
    else:
        # What was typed is quoted, and may be anything, even no text at all.
        said = io.StringIO()
        error.show(said)
        complain(said.getvalue().rstrip("\n"))
    return Exit.USAGE


def complain(text: str) -> None:
    """Write lines for people to stderr."""
    click.echo(clean_lines_for_terminal(text), err=True)


def _describe(
    error: errors.MarketError, remedy: str | None, code: Exit
) -> dict[str, str | int | None]:
    """Return the problem document of an error: as services answer, with the exit code instead of
    an HTTP status.
    """
    return {
        "type": f"urn:wasmarket:{error.slug}",
        "title": error.title(),
        "detail": error.detail,
        "field": error.field,
        "remedy": remedy,
        "exit_code": code,
    }

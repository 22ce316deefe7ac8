"""The exit codes of the command line (DESIGN 8.8), from the tree of errors in one table."""

from enum import IntEnum

from wasmarket.kernel import errors


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

"""The `wasmarket` command as a process: also `python -m wasmarket_cli`."""

import sys
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        from wasmarket_cli.main import main  # noqa: PLC0415 - Ctrl-C while it loads is quiet too

        code = main()
    except KeyboardInterrupt:
        # Before the command has begun, or after its end.
        sys.stderr.write("wasmarket: interrupted\n")
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    run()

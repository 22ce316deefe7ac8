"""`python -m wasmarket_cli`."""

import sys

try:
    from wasmarket_cli.main import main

    code = main()
except KeyboardInterrupt:
    # Before the command has begun, or after its end.
    sys.stderr.write("wasmarket: interrupted\n")
    code = 1
sys.exit(code)

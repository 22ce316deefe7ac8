"""`python -m wasmarket`."""

import sys

from wasmarket.cli import main

sys.exit(main())

"""Where this checkout is: what tests run that is no part of the packages."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
MACHINE_CODE = CHECKOUT / ".build" / "machine-code"
"""Of apps that tests build: kept by content for the next run, as builds are."""

"""Where this checkout is: what tests run that is no part of the packages."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]

"""Let coverage measure processes that tests start, where it measures the tests themselves."""

import os

from tests.paths import CHECKOUT


def measured() -> dict[str, str]:
    """Return variables for such a process; it writes a file beside that of the tests."""
    data = os.environ.get("COVERAGE_FILE")
    if data is None:
        return {}
    return {"COVERAGE_PROCESS_START": str(CHECKOUT / "pyproject.toml"), "COVERAGE_FILE": data}

"""The Python page: every example is run as it stands, against a running market."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.e2e.market_driver import GREETING, own_settings
from tests.paths import CHECKOUT

pytestmark = pytest.mark.e2e

PAGE = CHECKOUT / "docs" / "how-to" / "python.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_python_page__example__runs(market, deal, tmp_path, number):
    shutil.copytree(GREETING, tmp_path / "greeting")
    plain = {name: value for name, value in os.environ.items() if name not in own_settings()}

    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES[number]],
        cwd=tmp_path,
        env=plain | {"WASMARKET_HOME": str(market.home.root), "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout

"""The systemd units, as systemd itself reads them."""

import shutil
import subprocess

import pytest

from tests.paths import CHECKOUT

pytestmark = pytest.mark.e2e

UNITS = sorted((CHECKOUT / "docker" / "systemd").glob("*.service"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit__systemd__finds_nothing_wrong(unit, tmp_path):
    program = tmp_path / "wasmarket"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / unit.name.replace("@.", "@alpha-1.")
    text = unit.read_text().replace("/opt/wasmarket/bin/wasmarket", str(program))
    copy.write_text(text.replace("User=wasmarket", "User=daemon"))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )

    assert unit.stem.rstrip("@") not in done.stderr, done.stderr

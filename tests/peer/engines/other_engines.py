"""Other releases of wasmtime, in environments beside all else that is installed here."""

import fcntl
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.packaging.environments import uv
from tests.paths import CHECKOUT

ROOM = CHECKOUT / ".build" / "engines"
BEFORE = "49.0.0"
"""The newest release before the one in the lock; it counts alike."""
OLDER = "48.0.0"
"""The newest that does not: `memory.copy` and `memory.fill` cost less."""


def find_python(release: str) -> Path:
    """Return a Python that imports this release of wasmtime; skips where it cannot be had."""
    folder = ROOM / f"{release}-{sys.version_info[1]}"
    ROOM.mkdir(parents=True, exist_ok=True)
    # Tests run side by side.
    with (ROOM / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            _make(folder, release)
    return folder / "bin" / "python"


def _make(folder: Path, release: str) -> None:
    make = [sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)]
    subprocess.run(make, check=True)
    wanted = Path(__file__).with_name(f"{release}.txt")
    into = str(folder / "bin" / "python")
    try:
        uv("pip", "install", "--python", into, "--require-hashes", "-r", str(wanted))
    except (subprocess.CalledProcessError, OSError) as error:
        pytest.skip(f"wasmtime {release} cannot be installed here: {error}")
    own = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})["purelib"]
    # What else is installed is found behind it.
    others = sysconfig.get_paths()["purelib"]
    (Path(own) / "checkout.pth").write_text(f"{others}\n")
    (folder / "whole").touch()

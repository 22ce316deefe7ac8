"""Have the matching engine compiled beside other work, by two processes that share the work.

The matcher does so itself when it starts, which takes most of a minute on one core.
"""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from wasmarket_cli.local.processes import ROOT

PARTS = (("single", "flow"), ("paths",))
"""What each process compiles."""
TIMEOUT_SECONDS = 900.0


class KernelBuild:
    """Processes that compile the engine; none if that was done before on this machine."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._stamp = find_cache(environ) / f"kernels-{_digest()}"
        self._processes: list[subprocess.Popen[bytes]] = []
        if self._stamp.exists():
            return
        for parts in PARTS:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "matcher.engine.warm_up", *parts],
                    env={**environ, "PYTHONPATH": str(ROOT)},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )

    def wait(self) -> None:
        """Wait for them. If one failed, the matcher does the work and says what is wrong."""
        codes = [process.wait(TIMEOUT_SECONDS) for process in self._processes]
        if codes and not any(codes):
            self._stamp.parent.mkdir(parents=True, exist_ok=True)
            self._stamp.touch()

    def close(self) -> None:
        """End those that still run."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def find_cache(environ: Mapping[str, str]) -> Path:
    """Return the user's folder of things that can be made again."""
    given = environ.get("XDG_CACHE_HOME")
    base = Path(given) if given else Path(environ.get("HOME") or os.path.expanduser("~")) / ".cache"
    return base / "wasmarket"


def _digest() -> str:
    """Name the engine's sources, the compiler, and where their code is kept."""
    digest = hashlib.sha256()
    engine = Path(str(files("matcher") / "engine"))
    for path in sorted(engine.rglob("*.py")):
        digest.update(path.read_bytes())
    try:
        compiler = version("numba")
    except PackageNotFoundError:
        compiler = ""
    digest.update(f"{engine} {compiler} {platform.python_version()}".encode())
    return digest.hexdigest()[:16]

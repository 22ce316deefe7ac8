"""The wheel, and an empty environment of each Python that is here to install it into."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from matcher.engine.index.compiled import find_folder
from tests.paths import CHECKOUT

ROOM = CHECKOUT / ".build" / "wheel"
"""Fixed, because machine code of the engine is kept by the path of its source."""

SUPPORTED = ("3.11", "3.12", "3.13")
OWN = CHECKOUT / ".tools" / "bin" / "uv"


def find_pythons():
    """Return the interpreters of this machine by version, of each supported one the first."""
    found = {"{}.{}".format(*sys.version_info): Path(sys.executable)}
    for version in SUPPORTED:
        known = [Path(path) for path in [shutil.which(f"python{version}")] if path]
        known += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        for path in known:
            command = [
                path,
                "-c",
                "import ssl, sqlite3, sys; print('%d.%d' % sys.version_info[:2])",
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.stdout.strip() == version:
                found.setdefault(version, path)
    return found


PYTHONS = find_pythons()


def uv(*arguments, **options):
    binary = OWN if OWN.exists() else shutil.which("uv")
    return subprocess.run([binary, *arguments], check=True, capture_output=True, **options)


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel in it, and a home of its own; no checkout in sight."""

    path: Path
    home: Path
    mebibytes: int
    """What was installed took so much of the disk."""

    @property
    def variables(self):
        tools = CHECKOUT / "tools" / "node_modules" / ".bin"
        return {
            "HOME": str(self.home),
            "PATH": os.pathsep.join((str(self.path / "bin"), str(tools), "/usr/bin", "/bin")),
            "NUMBA_CACHE_DIR": str(ROOM / "kernels" / self.path.name),
            "LC_ALL": "C.UTF-8",
        }

    def take_kernels(self):
        """Take over the machine code of the checkout's engine: same source, same compiler.

        Another version of the compiler passes over it, and compiles for a minute.
        """
        kept = find_folder()
        if kept is not None:
            place = Path(self.variables["NUMBA_CACHE_DIR"]) / kept.name
            shutil.copytree(kept, place, dirs_exist_ok=True)

    def run(self, *arguments):
        return subprocess.run(
            arguments,
            cwd=self.home,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def start(self, *arguments):
        return subprocess.Popen(
            arguments,
            cwd=self.home,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

"""Find compilers and run them; say which package is missing where there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from wasmarket.kernel.errors import ConfigError

LAST_LINES: Final = 15
BUILD_SECONDS: Final = 600


class MissingTool(ConfigError):
    """A compiler is not installed"""

    slug = "missing-tool"


class BuildFailed(ConfigError):
    """The sources do not build"""

    slug = "build-failed"


def find_program(name: str, remedy: str, *beside: Path) -> str:
    """Return the path of a program: from folders `beside`, of this Python, or on the PATH.

    Raises MissingTool.
    """
    folders = [str(path) for path in (*beside, Path(sys.executable).parent)]
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if found is None:
        raise MissingTool(f"{name} is not installed", remedy=remedy)
    return found


def run_tool(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> str:
    """Run a compiler in `folder` and return what it printed. Raises BuildFailed with the rest."""
    # Panics of compilers say what is wrong; where in the compiler is of no use.
    given = {**os.environ, "RUST_BACKTRACE": "0", **(environment or {})}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=given,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(f"{Path(command[0]).name} takes more than {BUILD_SECONDS} s") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-LAST_LINES:]
        raise BuildFailed("\n".join(said) or f"{command[0]} ended with {done.returncode}")
    return done.stdout

"""Find compilers and run them; say which package is missing where there is none."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from wasmarket.kernel.errors import ConfigError

LAST_LINES: Final = 15
BUILD_SECONDS: Final = 600
DESCRIBE_SECONDS: Final = 60


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


def describe_source(
    command: Sequence[str],
    source: Path,
    environment: Mapping[str, str] | None = None,
    seconds: float = DESCRIBE_SECONDS,
) -> dict[str, Any]:
    """Run what reads a source, beside it, and return what it says of its functions.

    Raises BuildFailed with file and line.
    """
    try:
        done = subprocess.run(
            command,
            cwd=source.resolve().parent,
            env={**os.environ, **(environment or {})},
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
        described: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(
            f"{source} is not read within {seconds:g} s", remedy="do nothing when it is imported"
        ) from error
    except ValueError as error:
        raise BuildFailed(f"{source} cannot be read: {done.stderr.strip()}") from error
    if "error" in described:
        raise BuildFailed(f"{source}:{described['line']}: {described['error']}")
    return described

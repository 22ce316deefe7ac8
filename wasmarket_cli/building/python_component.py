"""Build a component out of a module of Python."""

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import wasmarket_guest
from wasmarket_cli.building.recipes import Recipe
from wasmarket_cli.building.tools import MissingTool, describe_source, find_program, run_tool

REMEDY: Final = "pip install 'wasmarket[build]'"
GUEST: Final = Path(wasmarket_guest.__file__).resolve().parent
ENTRY: Final = """import wit_world
from componentize_py_types import Err
import {module} as app
from wasmarket_guest.entry import build_world
WitWorld = build_world(app, wit_world, Err)
"""


def list_python_sources(recipe: Recipe) -> list[Path]:
    """Return the files that a build depends on: all of Python beside the source, and our own."""
    folder = recipe.source.parent
    found = [
        path
        for path in folder.rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    return sorted([*found, *GUEST.glob("*.py")])


def find_python_version() -> str:
    """Return the version of the compiler. Raises MissingTool."""
    try:
        return f"componentize-py {version('componentize-py')}"
    except PackageNotFoundError as error:
        raise MissingTool("componentize-py is not installed", remedy=REMEDY) from error


def describe_python(recipe: Recipe) -> dict[str, Any]:
    """Return the functions of the module. Raises BuildFailed with file and line."""
    folder = recipe.source.resolve().parent
    return describe_source(
        [sys.executable, "-P", "-m", "wasmarket_guest.describe", recipe.source.stem],
        recipe.source,
        {
            "PYTHONPATH": os.pathsep.join([str(folder), str(GUEST.parent)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )


def build_python(recipe: Recipe, wit: Path, work: Path) -> bytes:
    """Return the component. Raises MissingTool, BuildFailed."""
    compiler = find_program("componentize-py", REMEDY)
    (work / "wasmarket_main.py").write_text(ENTRY.format(module=recipe.source.stem))
    shutil.copytree(GUEST, work / GUEST.name, ignore=shutil.ignore_patterns("__pycache__"))
    # NOTE: a deterministic service may wait for no clock, which Python's WASI does.
    stub = ["--stub-wasi"] if recipe.is_deterministic else []
    target = work / "module.wasm"
    run_tool(
        [
            *(compiler, "-d", str(wit), "-w", "app", "componentize", *stub, "wasmarket_main"),
            *("-p", str(work), "-p", str(recipe.source.resolve().parent)),
            *("-o", str(target)),
        ],
        work,
    )
    return target.read_bytes()

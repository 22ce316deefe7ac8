"""Build a component out of a module of Python."""

import os
import re
import shutil
import sys
from importlib.machinery import ExtensionFileLoader, PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import wasmarket_guest
from wasmarket_cli.building.recipes import Recipe
from wasmarket_cli.building.tools import (
    BuildFailed,
    MissingTool,
    describe_source,
    find_program,
    run_tool,
)

REMEDY: Final = "pip install 'wasmarket[build]'"
MISSING: Final = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
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
    command = [
        *(compiler, "-d", str(wit), "-w", "app", "componentize", *stub, "wasmarket_main"),
        *("-p", str(work), "-p", str(recipe.source.resolve().parent)),
        *("-o", str(target)),
    ]
    try:
        run_tool(command, work)
    except BuildFailed as error:
        raise explain_missing(error, recipe) from error
    return target.read_bytes()


def explain_missing(error: BuildFailed, recipe: Recipe) -> BuildFailed:
    """Return the failure of a build, in our words if a module is machine code of this computer."""
    found = MISSING.findall(f"{error.detail} {error.remedy or ''}")
    if not found or not _is_machine_code(found[-1], recipe.source.resolve().parent):
        return error
    package = found[-1].partition(".")[0]
    return BuildFailed(
        f"{recipe.source} imports {package}, whose {found[-1]} is machine code of this computer",
        remedy="a component runs Python only: use a package without C extensions",
    )


def _is_machine_code(name: str, folder: Path) -> bool:
    """Say whether a module that components lack is an extension here; nothing is imported."""
    places: list[str] | None = [str(folder), *sys.path]
    spec = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        if places is None:
            return False
        spec = PathFinder.find_spec(".".join(parts[:count]), places)
        if spec is None:
            return False
        places = spec.submodule_search_locations
    return spec is not None and isinstance(spec.loader, ExtensionFileLoader)

"""Build a component out of a module of JavaScript or TypeScript, with QuickJS inside."""

import json
import os
import re
from pathlib import Path
from typing import Any, Final

from wasmarket_cli.building.recipes import Recipe
from wasmarket_cli.building.tools import (
    BuildFailed,
    MissingTool,
    describe_source,
    find_program,
    run_tool,
)

HERE: Final = Path(__file__).resolve().parent / "js"
PACKAGES: Final = ("componentize-qjs", "esbuild", "typescript")
VERSIONS: Final = "componentize-qjs@0.4.5 esbuild@0.28.2 typescript@5.9.3"
REMEDY: Final = f"npm install --save-dev {VERSIONS}"
NODE_REMEDY: Final = "install Node 20 or later"
MODULES_VARIABLE: Final = "WASMARKET_NODE_MODULES"
"""Names a folder `node_modules` with the packages, where the project has none."""
UNLISTED: Final = re.compile(r"resolving module 'wasmarket:guest/(http|ipfs|kv|secret)@")
SKIPPED: Final = frozenset({"node_modules", "tests"})


def find_modules(recipe: Recipe) -> Path:
    """Return the `node_modules` with the packages, of the project or around it.

    Raises MissingTool with the first that is missing.
    """
    start = recipe.source.resolve().parent
    folders = [path / "node_modules" for path in (start, *start.parents)]
    if named := os.environ.get(MODULES_VARIABLE):
        folders.append(Path(named).resolve())
    # A checkout brings them for its tests.
    folders.append(HERE.parents[2] / "tools" / "node_modules")
    missing: tuple[str, ...] = PACKAGES
    for folder in folders:
        lacking = tuple(name for name in PACKAGES if not (folder / name).is_dir())
        if not lacking:
            return folder
        missing = min(missing, lacking, key=len)
    raise MissingTool(f"the npm package {missing[0]} is not installed", remedy=REMEDY)


def find_javascript_version(recipe: Recipe) -> str:
    """Return the versions of the tools. Raises MissingTool."""
    folder = find_modules(recipe)
    return " ".join(
        f"{name} {json.loads((folder / name / 'package.json').read_text())['version']}"
        for name in PACKAGES
    )


def list_javascript_sources(recipe: Recipe) -> list[Path]:
    """Return the files that a build depends on: sources beside the source, and our own."""
    folder = recipe.source.parent
    found = [
        path
        for ending in ("js", "mjs", "ts", "json")
        for path in folder.rglob(f"*.{ending}")
        if not SKIPPED & set(path.relative_to(folder).parts)
    ]
    return sorted([*found, *HERE.rglob("*.*js")])


def describe_javascript(recipe: Recipe) -> dict[str, Any]:
    """Return the exported functions. Raises BuildFailed with file and line."""
    node, modules = find_program("node", NODE_REMEDY), str(find_modules(recipe))
    script = [node, str(HERE / "describe.mjs"), modules, str(recipe.source.resolve())]
    return describe_source(script, recipe.source)


def build_javascript(recipe: Recipe, described: dict[str, Any], wit: Path, work: Path) -> bytes:
    """Return the component. Raises MissingTool, BuildFailed."""
    node, modules = find_program("node", NODE_REMEDY), find_modules(recipe)
    entry, target = work / "entry.js", work / "module.wasm"
    entry.write_text(_write_entry(recipe.source.resolve(), described))
    stub = str(int(recipe.is_deterministic))
    script = [node, str(HERE / "build.mjs"), str(modules), str(entry), str(wit), str(target), stub]
    try:
        run_tool(script, recipe.source.resolve().parent)
    except BuildFailed as error:
        raise explain_import(error, recipe) from error
    return target.read_bytes()


def explain_import(error: BuildFailed, recipe: Recipe) -> BuildFailed:
    """Return the failure of a build, in our words if the app does not list what it imports."""
    found = UNLISTED.search(f"{error.detail} {error.remedy or ''}")
    if found is None:
        return error
    remedy = f"add [effectors.{found[1]}] to app.toml"
    if recipe.is_deterministic:
        remedy = "a deterministic service has no effectors: do not import it"
    return BuildFailed(
        f"{recipe.source} imports wasmarket-guest/{found[1]}, which the app does not list",
        remedy=remedy,
    )


def _write_entry(source: Path, described: dict[str, Any]) -> str:
    """Return the module that is called: by WIT's names, with requests of a site as objects."""
    lines = [
        'import "wasmarket-guest/console.js";',
        f"import * as app from {json.dumps(str(source))};",
        'import { parseRequest, writeResponse } from "wasmarket-guest/site.js";',
    ]
    for function in described["functions"]:
        *takes, gives = function["site"]
        names = [f"a{index}" for index in range(len(takes))]
        given = ", ".join(
            f"parseRequest({name})" if is_site else name
            for name, is_site in zip(names, takes, strict=True)
        )
        call = f"app.{function['js']}({given})"
        answer = f"writeResponse({call})" if gives else call
        first, *rest = function["name"].split("-")
        exported = first + "".join(word.capitalize() for word in rest)
        lines.append(f"export function {exported}({', '.join(names)}) {{ return {answer}; }}")
    return "\n".join([*lines, ""])

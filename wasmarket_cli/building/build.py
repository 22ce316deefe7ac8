"""Build what an app is made of, unless the same sources were built by the same tools before."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmarket.app.file import App, load_app
from wasmarket_cli.building.javascript import (
    build_javascript,
    describe_javascript,
    find_javascript_version,
    list_javascript_sources,
)
from wasmarket_cli.building.python_component import (
    build_python,
    describe_python,
    find_python_version,
    list_python_sources,
)
from wasmarket_cli.building.raw_modules import build_raw, find_raw_version, list_raw_sources
from wasmarket_cli.building.recipes import COMPONENTS, Recipe, read_recipes
from wasmarket_cli.building.wit_text import find_package, write_world

CACHE: Final = "wasmarket/builds"
KEPT: Final = 64
"""Builds that are kept, the youngest first."""


@dataclass(frozen=True, slots=True)
class Built:
    """A module that was built now, or found as it was built before."""

    target: Path
    size: int
    was_kept: bool


def build_app(path: Path, tell: Callable[[str], None]) -> App:
    """Build the modules of an app that say from what, then the app itself.

    Raises InvalidInput, MissingTool, BuildFailed.
    """
    build_modules(path, tell)
    return load_app(path)


def build_modules(folder: Path, tell: Callable[[str], None] = lambda text: None) -> list[Built]:
    """Build every module of an app that says from what; `tell` hears what is done.

    A module is written when it is whole. Raises InvalidInput, MissingTool, BuildFailed.
    """
    return [_build(recipe, tell) for recipe in read_recipes(folder)]


def _build(recipe: Recipe, tell: Callable[[str], None]) -> Built:
    kept = _find_cache() / f"{_fingerprint(recipe)}.wasm"
    was_kept = kept.exists()
    if was_kept:
        wasm = kept.read_bytes()
        os.utime(kept)
    else:
        tell(f"building {recipe.target.name} from {recipe.source.name}")
        wasm = _compile(recipe)
        _write(kept, wasm)
        _prune(kept.parent)
    if not recipe.target.exists() or recipe.target.read_bytes() != wasm:
        _write(recipe.target, wasm)
    return Built(recipe.target, len(wasm), was_kept)


def _compile(recipe: Recipe) -> bytes:
    with _working() as work:
        if recipe.language not in COMPONENTS:
            return build_raw(recipe, work)
        is_python = recipe.language == "python"
        described = (describe_python if is_python else describe_javascript)(recipe)
        wit = _lay_wit(described, recipe, work / "wit")
        if is_python:
            return build_python(recipe, wit, work)
        return build_javascript(recipe, described, wit, work)


def _lay_wit(described: dict[str, Any], recipe: Recipe, folder: Path) -> Path:
    """Write the app's world, beside it our package."""
    package = folder / "deps" / "guest"
    package.mkdir(parents=True)
    shutil.copy(find_package() / "guest.wit", package)
    (folder / "world.wit").write_text(
        write_world(described, recipe.effectors, has_types_apart=recipe.language != "python")
    )
    return folder


def _fingerprint(recipe: Recipe) -> str:
    """Return what a build depends on: its sources, its tools, what it may import."""
    if recipe.language == "python":
        version, sources = find_python_version(), list_python_sources(recipe)
    elif recipe.language in COMPONENTS:
        version, sources = find_javascript_version(recipe), list_javascript_sources(recipe)
    else:
        version, sources = find_raw_version(recipe), list_raw_sources(recipe)
    base = recipe.source.parent
    digests = [
        (os.path.relpath(path, base) if path.is_relative_to(base) else path.name, _digest(path))
        for path in sources
    ]
    own = [_digest(find_package() / "guest.wit")]
    own += [_digest(path) for path in sorted(Path(__file__).parent.glob("*.py"))]
    parts = [version, recipe.language, recipe.source.name, recipe.effectors, own]
    text = json.dumps([*parts, recipe.is_deterministic, digests])
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _find_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / CACHE


@contextmanager
def _working() -> Any:
    with tempfile.TemporaryDirectory(prefix="wasmarket-build-") as folder:
        yield Path(folder)


def _write(path: Path, data: bytes) -> None:
    """Write a file in one step: an interrupted build leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    builds = sorted(folder.glob("*.wasm"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in builds[KEPT:]:
        with suppress(FileNotFoundError):
            path.unlink()

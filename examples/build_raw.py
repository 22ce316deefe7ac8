"""Build the examples of the raw ABI: `python -m examples.build_raw [--check]`.

Each needs its own compiler; those that are not installed are skipped. A compiler is looked for on
the PATH (zig also as the Python package `ziglang`); `PINNED` says which versions gave the
committed bytes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
PINNED = {
    "raw-c": "14.0.6",
    "raw-zig": "0.17.0",
    "raw-assemblyscript": "0.28.20",
    "raw-go": "go1.27",
}
SOURCES = {
    "raw-c": "upper.c",
    "raw-zig": "upper.zig",
    "raw-assemblyscript": "upper.ts",
    "raw-go": "upper.go",
}
OPTIONS = {
    "raw-c": (
        "--target=wasm32-wasi",
        "-Os",
        "-s",
        "-mexec-model=reactor",
        "-Wl,-zstack-size=65536",
        "-o",
        "upper.wasm",
    ),
    "raw-zig": (
        "build-exe",
        "-target",
        "wasm32-freestanding",
        "-O",
        "ReleaseSmall",
        "-fno-entry",
        "-rdynamic",
        "--stack",
        "65536",
        "-femit-bin=upper.wasm",
    ),
    "raw-assemblyscript": (
        "-O3",
        "--runtime",
        "minimal",
        "--use",
        "abort=",
        "-o",
        "upper.wasm",
    ),
    "raw-go": (
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags=-s -w",
        "-buildmode=c-shared",
        "-o",
        "upper.wasm",
    ),
}
VERSION_OPTIONS = {"raw-zig": "version", "raw-go": "version"}


def find_tool(example: str) -> list[str] | None:
    """Return the command of the example's compiler, None where it is missing."""
    name = {"raw-c": "clang", "raw-zig": "zig", "raw-assemblyscript": "asc", "raw-go": "go"}[
        example
    ]
    path = shutil.which(name)
    if path is None and name == "zig" and find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang"]
    return None if path is None else [path]


def has_pinned_tool(example: str) -> bool:
    """Tell whether the compiler that made the committed bytes is here."""
    tool = find_tool(example)
    if tool is None:
        return False
    option = VERSION_OPTIONS.get(example, "--version")
    answer = subprocess.run([*tool, option], capture_output=True, text=True, check=False)
    return PINNED[example] in answer.stdout


def build_example(example: str) -> bytes:
    """Compile an example; raise CalledProcessError with the compiler's log."""
    tool = find_tool(example)
    if tool is None:
        raise FileNotFoundError(f"no compiler for {example}")
    with tempfile.TemporaryDirectory() as folder:
        # NOTE: compiled as a relative path in an empty folder: none of this machine gets in.
        shutil.copy(EXAMPLES / example / SOURCES[example], folder)
        environment = {**os.environ, "GOOS": "wasip1", "GOARCH": "wasm", "GOTOOLCHAIN": "local"}
        if example == "raw-c":
            # NOTE: clang runs a wasm-opt that it finds on the PATH, of whatever version.
            environment["PATH"] = os.defpath
        subprocess.run(
            [*tool, *OPTIONS[example], SOURCES[example]], cwd=folder, env=environment, check=True
        )
        return Path(folder, "upper.wasm").read_bytes()


def main() -> None:
    """Build what can be built here."""
    parser = argparse.ArgumentParser(description="Build the examples of the raw ABI.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    is_check = parser.parse_args().check
    for example in SOURCES:
        if find_tool(example) is None:
            print(f"{example}: skipped, its compiler is not installed")
            continue
        path, wasm = EXAMPLES / example / "upper.wasm", build_example(example)
        if not is_check:
            path.write_bytes(wasm)
        elif path.read_bytes() != wasm:
            parser.exit(1, f"{path} is not what its source gives here\n")
        print(f"{example}: {len(wasm)} bytes")


if __name__ == "__main__":
    main()

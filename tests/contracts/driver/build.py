"""Compile the project's contracts and the tests' mocks, without Ape."""

import hashlib
import json
import os
import re
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import vyper
from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle

# Where `make mutants` has a faulty copy of the sources.
CHECKOUT = Path(__file__).parents[3]
ROOT = Path(os.environ.get("CONTRACTS_ROOT", CHECKOUT))
KEPT = CHECKOUT / ".build" / "contracts"
IMPORT = re.compile(r"^from (\S+) import (\w+)", re.MULTILINE)
FOLDERS = ("contracts", "contracts/testnet", "tests/contracts/mocks")


class Artifact(NamedTuple):
    """What is needed to deploy a contract and to talk to it."""

    abi: list[dict[str, Any]]
    bytecode: bytes
    slots: dict[str, int]


@cache
def build(name: str, root: Path = ROOT) -> Artifact:
    """Compile the contract of that name under `root`, unless that was done to these sources.

    A faulty copy of the sources (`make mutants`) compiles only what the fault concerns.
    """
    kept = KEPT / f"{name}-{state_of(find_source(name, root), root)}.json"
    if kept.is_file():
        abi, bytecode, slots = json.loads(kept.read_text(encoding="utf-8"))
        return Artifact(abi, bytes.fromhex(bytecode), slots)
    found = compile_contract(name, root)
    if root == CHECKOUT:
        partial = kept.with_suffix(f".{os.getpid()}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        told = [found.abi, found.bytecode.hex(), found.slots]
        partial.write_text(json.dumps(told), encoding="utf-8")
        partial.replace(kept)
    return found


def find_source(name: str, root: Path) -> Path:
    """Return the file of a contract of the project, or of a mock of the tests."""
    paths = (root / folder / f"{name}.vy" for folder in FOLDERS)
    return next(path for path in paths if path.exists())


def state_of(source: Path, root: Path) -> str:
    """Hash a contract, all that it imports, and the compiler's version."""
    found, waiting, seen = hashlib.sha256(vyper.__version__.encode()), [source], {source}
    while waiting:
        path = waiting.pop()
        text = path.read_text(encoding="utf-8")
        found.update(f"{path.relative_to(root)}\n{text}".encode())
        imported = [resolve(path, root, *pair) for pair in IMPORT.findall(text)]
        fresh = sorted({each for each in imported if each is not None} - seen)
        waiting += fresh
        seen.update(fresh)
    return found.hexdigest()[:20]


def resolve(path: Path, root: Path, origin: str, name: str) -> Path | None:
    """Return the file that `from origin import name` means in a source; None if it is not ours."""
    dots = len(origin) - len(origin.lstrip("."))
    base = path.parents[dots - 1] if dots else root
    folder = base.joinpath(*origin.strip(".").split(".")) if origin.strip(".") else base
    candidates = (folder / f"{name}{suffix}" for suffix in (".vy", ".vyi"))
    return next((each for each in candidates if each.is_file()), None)


def compile_contract(name: str, root: Path) -> Artifact:
    """Compile the contract of that name under `root`."""
    path = find_source(name, root)
    packages = Path(sysconfig.get_path("purelib"))
    bundle = FilesystemInputBundle([packages, root, path.parent])
    output = compile_from_file_input(
        bundle.load_file(path), input_bundle=bundle, output_formats=["abi", "bytecode", "layout"]
    )
    bytecode = bytes.fromhex(output["bytecode"].removeprefix("0x"))
    return Artifact(output["abi"], bytecode, slots_of(output["layout"].get("storage_layout", {})))


def slots_of(layout: dict[str, Any]) -> dict[str, int]:
    """Name the first slot of each variable of a contract and its modules."""
    slots = {}
    for name, entry in layout.items():
        slots |= {name: entry["slot"]} if "slot" in entry else slots_of(entry)
    return slots

"""Compile the project's contracts and the tests' mocks, without Ape."""

import hashlib
import json
import os
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
SOURCES = ("contracts", "tests/contracts/mocks")
FOLDERS = ("contracts", "contracts/testnet", "tests/contracts/mocks")


class Artifact(NamedTuple):
    """What is needed to deploy a contract and to talk to it."""

    abi: list[dict[str, Any]]
    bytecode: bytes
    slots: dict[str, int]


@cache
def build(name: str, root: Path = ROOT) -> Artifact:
    """Compile the contract of that name under `root`, unless that was done to these sources."""
    if root != CHECKOUT:
        return compile_contract(name, root)
    kept = KEPT / f"{name}-{state_of(root)}.json"
    if kept.is_file():
        abi, bytecode, slots = json.loads(kept.read_text(encoding="utf-8"))
        return Artifact(abi, bytes.fromhex(bytecode), slots)
    found = compile_contract(name, root)
    partial = kept.with_suffix(f".{os.getpid()}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(json.dumps([found.abi, found.bytecode.hex(), found.slots]), encoding="utf-8")
    partial.replace(kept)
    return found


@cache
def state_of(root: Path) -> str:
    """Hash every source under `root`, and the compiler's version."""
    found = hashlib.sha256(vyper.__version__.encode())
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*.vy*")):
            found.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return found.hexdigest()[:20]


def compile_contract(name: str, root: Path) -> Artifact:
    """Compile the contract of that name under `root`."""
    paths = (root / folder / f"{name}.vy" for folder in FOLDERS)
    path = next(path for path in paths if path.exists())
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

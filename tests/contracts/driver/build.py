"""Compile the project's contracts and the tests' mocks, without Ape."""

import os
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle

# Where `make mutants` has a faulty copy of the sources.
ROOT = Path(os.environ.get("CONTRACTS_ROOT", Path(__file__).parents[3]))
FOLDERS = ("contracts", "contracts/testnet", "tests/contracts/mocks")


class Artifact(NamedTuple):
    """What is needed to deploy a contract and to talk to it."""

    abi: list[dict[str, Any]]
    bytecode: bytes
    slots: dict[str, int]


@cache
def build(name: str, root: Path = ROOT) -> Artifact:
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

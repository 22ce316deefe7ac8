"""Compile the contracts that are measured."""

from collections.abc import Mapping
from pathlib import Path

import vyper  # type: ignore[import-untyped]
from vyper.compiler import compile_from_file_input  # type: ignore[import-untyped]
from vyper.compiler.input_bundle import FilesystemInputBundle  # type: ignore[import-untyped]

SOURCES = Path(__file__).resolve().parents[2] / "contracts"
PATHS = (
    "testnet/TestUSDC.vy",
    "testnet/TestFLT.vy",
    "Staking.vy",
    "Proofs.vy",
    "Meter.vy",
    "Audits.vy",
    "Market.vy",
    "MarketLens.vy",
)
COMPILER = f"Vyper {vyper.__version__}"


def build_artifacts(sources: Path = SOURCES) -> Mapping[str, str]:
    """Compile every contract of PATHS and return creation code (hex) by name."""
    return {Path(path).stem: _compile(sources, sources / path) for path in PATHS}


def _compile(sources: Path, path: Path) -> str:
    bundle = FilesystemInputBundle([sources])
    with bundle.search_path(path.parent):
        source = bundle.load_file(path)
    output = compile_from_file_input(source, input_bundle=bundle, output_formats=["bytecode"])
    return str(output["bytecode"])

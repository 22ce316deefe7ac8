"""Write the contracts' ABIs to wasmarket/kernel/abi, or check that they are up to date.

Run as `ape run export_abi` or `python scripts/export_abi.py`; needs no chain.
"""

import json
import sys
from pathlib import Path

import click
from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "contracts"
TARGET = ROOT / "wasmarket" / "kernel" / "abi"
CONTRACTS = (
    "Market.vy",
    "MarketLens.vy",
    "Proofs.vy",
    "Staking.vy",
    "testnet/Faucet.vy",
    "testnet/TestFLT.vy",
    "testnet/TestUSDC.vy",
)


def build_abi(source: Path) -> str:
    """Compile one contract and return its ABI as text that does not depend on declaration order."""
    bundle = FilesystemInputBundle([SOURCES])
    with bundle.search_path(source.parent):
        file = bundle.load_file(source)
    abi = compile_from_file_input(file, input_bundle=bundle, output_formats=["abi"])["abi"]
    entries = sorted(abi, key=lambda entry: (entry["type"], entry.get("name", "")))
    return json.dumps(entries, indent=2, sort_keys=True) + "\n"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is stale.")
def cli(check: bool) -> None:
    """Export the ABIs of the contracts."""
    stale = []
    for name in CONTRACTS:
        source = SOURCES / name
        target = TARGET / f"{source.stem}.json"
        text = build_abi(source)
        if target.is_file() and target.read_text() == text:
            continue
        stale.append(target.name)
        if not check:
            TARGET.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    if stale and check:
        click.echo(f"stale: {', '.join(stale)}; run `ape run export_abi`", err=True)
        sys.exit(1)
    click.echo("changed: " + ", ".join(stale) if stale else "ABIs are up to date")


if __name__ == "__main__":
    cli()

"""Write the contracts' ABIs and creation code into the library, or check that they are fresh.

Run as `ape run export_abi` or `python scripts/export_abi.py`; needs no chain.
"""

import json
import sys
import textwrap
from pathlib import Path

import click
from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "contracts"
ABI = ROOT / "wasmarket" / "kernel" / "abi"
CREATION_CODE = ROOT / "wasmarket" / "chain" / "deploying" / "creation_code"
HEX_WIDTH = 96
CONTRACTS = (
    "Audits.vy",
    "Market.vy",
    "MarketLens.vy",
    "Meter.vy",
    "Proofs.vy",
    "Staking.vy",
    "testnet/Faucet.vy",
    "testnet/TestFLT.vy",
    "testnet/TestUSDC.vy",
)


def build_texts(source: Path) -> dict[Path, str]:
    """Compile one contract; return its files. The ABI does not depend on declaration order."""
    bundle = FilesystemInputBundle([SOURCES])
    with bundle.search_path(source.parent):
        file = bundle.load_file(source)
    formats = ["abi", "bytecode"]
    out = compile_from_file_input(file, input_bundle=bundle, output_formats=formats)
    entries = sorted(out["abi"], key=lambda entry: (entry["type"], entry.get("name", "")))
    code = textwrap.fill(out["bytecode"].removeprefix("0x"), HEX_WIDTH)
    return {
        ABI / f"{source.stem}.json": json.dumps(entries, indent=2, sort_keys=True) + "\n",
        CREATION_CODE / f"{source.stem}.hex": code + "\n",
    }


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is stale.")
def cli(check: bool) -> None:
    """Export the ABIs and the creation code of the contracts."""
    stale = []
    for name in CONTRACTS:
        for target, text in build_texts(SOURCES / name).items():
            if target.is_file() and target.read_text() == text:
                continue
            stale.append(target.name)
            if not check:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
    if stale and check:
        click.echo(f"stale: {', '.join(stale)}; run `ape run export_abi`", err=True)
        sys.exit(1)
    click.echo("changed: " + ", ".join(stale) if stale else "ABIs and bytecode are up to date")


if __name__ == "__main__":
    cli()

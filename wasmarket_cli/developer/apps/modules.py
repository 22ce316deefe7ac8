"""`wasmarket module`: look into a Wasm module before it is deployed."""

from pathlib import Path

import click

from peer.runtime.abi.described import describe_interface
from peer.runtime.abi.guest_types import Interface, describe_type
from peer.runtime.abi.signature_text import parse_signatures
from peer.runtime.components.binary import is_component
from peer.runtime.components.check import plan_component
from peer.runtime.module.check import inspect_module
from peer.runtime.module.embed import embed_interface
from peer.runtime.module.links import find_effectors
from peer.runtime.module.raw_abi import inspect_raw_module
from wasmarket.content.importer import import_bytes
from wasmarket.kernel.documents.content_ids import Cid
from wasmarket.kernel.errors import InvalidInput
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_facts, print_json, print_table, show_done


@click.group()
def module() -> None:
    """Wasm modules: what they export, and whether a peer would take them."""


@module.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--raw", is_flag=True, help="A module of the raw ABI (examples/raw-abi.md)")
@click.option("--linked", multiple=True, metavar="NAME", help="A module it is linked with")
@json_option
def inspect(file: Path, raw: bool, linked: tuple[str, ...], as_json: bool) -> None:
    """Show the typed functions of FILE; refuse it for the reason a peer would."""
    wasm = _read(file)
    interface, needs, sdk = _inspect(wasm, raw, linked)
    blocks: dict[Cid, bytes] = {}
    cid = import_bytes(wasm, blocks.__setitem__).cid
    if as_json:
        described = describe_interface(interface)
        print_json({"cid": str(cid), "bytes": len(wasm), "effectors": needs, **described})
        return
    print_facts(
        str(file),
        [
            ("CID", cid),
            ("bytes", f"{len(wasm):,}"),
            ("built with", sdk),
            ("effectors", ", ".join(needs) or "none"),
        ],
    )
    print_table(
        "Functions",
        ["name", "arguments", "answers"],
        [
            (
                signature.name,
                ", ".join(f"{p.name}: {describe_type(p.type)}" for p in signature.parameters),
                describe_type(signature.outputs[0]) if signature.outputs else "nothing",
            )
            for signature in interface.functions.values()
        ],
    )


def _inspect(wasm: bytes, raw: bool, linked: tuple[str, ...]) -> tuple[Interface, list[str], str]:
    """Return the interface, the effectors that are imported, and what the module is built with."""
    if is_component(wasm):
        plan = plan_component(wasm)
        return plan.interface, sorted(plan.effectors), "the component model"
    info = inspect_raw_module(wasm) if raw else inspect_module(wasm, linked)
    sdk = "the raw ABI" if raw else f"Marine's SDK {info.sdk_version or '(no version)'}"
    return info.interface, sorted(find_effectors(info)), sdk


@module.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("signatures", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write it here [over FILE]")
@json_option
def embed(file: Path, signatures: Path, output: Path | None, as_json: bool) -> None:
    """Turn FILE, a raw module, into a Marine one whose functions SIGNATURES types, one a line.

    A line reads like `greeting(name: string) -> string`.
    """
    text = _read(signatures).decode("utf-8", "replace")
    made = embed_interface(_read(file), parse_signatures(text))
    target = output or file
    try:
        target.write_bytes(made)
    except OSError as error:
        raise InvalidInput(f"cannot write {target}: {error.strerror}", field="output") from error
    show_done(as_json, f"wrote {target} ({len(made):,} bytes)", file=str(target), bytes=len(made))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", field="file") from error

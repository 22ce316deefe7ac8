"""`wasmarket module`: look into a Wasm module before it is deployed."""

from pathlib import Path

import click

from content.importer import import_bytes
from kernel.content_ids import Cid
from kernel.errors import InvalidInput
from peer.runtime.check import inspect_module
from peer.runtime.guest_types import describe_interface, describe_type
from wasmarket.options import json_option
from wasmarket.output import print_facts, print_json, print_table


@click.group()
def module() -> None:
    """Marine modules: what they export, and whether a peer would take them."""


@module.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def inspect(file: Path, as_json: bool) -> None:
    """Show the typed functions of FILE; refuse it for the reason a peer would."""
    try:
        wasm = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", field="file") from error
    info = inspect_module(wasm)
    blocks: dict[Cid, bytes] = {}
    cid = import_bytes(wasm, blocks.__setitem__).cid
    if as_json:
        print_json({"cid": str(cid), "bytes": len(wasm), **describe_interface(info.interface)})
        return
    print_facts(
        str(file),
        [("CID", cid), ("bytes", f"{len(wasm):,}"), ("SDK", info.sdk_version or "not said")],
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
            for signature in info.interface.functions.values()
        ],
    )

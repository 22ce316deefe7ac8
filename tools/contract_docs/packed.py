"""Where each field of a packed word lies, read from the functions that unpack it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from vyper.ast import nodes

from tools.contract_docs.facts import compile_module

WORD_BITS = 256

RECORDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "counts._word": ("modules/packing.vy", "_unpack_counts", ()),
    "ledger._accounts": ("modules/packing.vy", "_unpack_account", ("free", "counter")),
    "offers._offers": ("modules/packing.vy", "_unpack_offer", ()),
    "peers._peers": ("modules/packing.vy", "_unpack_peer", ()),
    "peers._extras": ("modules/packing.vy", "_unpack_peer_extra", ()),
    "deals._deals": ("modules/packing.vy", "_unpack_deal", ()),
    "assignments._assignments": ("modules/packing.vy", "_unpack_assignment", ()),
    "cases._cases": ("modules/docket.vy", "_unpack_case", ()),
    "seats._seats": ("modules/docket.vy", "_unpack_juror", ()),
    "_stakes": ("Staking.vy", "_load", ("free", "locked")),
    "_leaving": ("Staking.vy", "_unpack_leaving", ("amount", "ready")),
}
"""By storage variable: source, function, and the names where it answers with a tuple."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a word: its lowest bit and how many it has."""

    name: str
    low: int
    bits: int


def read_fields(variable: str) -> list[Field]:
    """Return the fields of a packed variable, lowest first; none if it is not packed.

    Raises ValueError if they overlap.
    """
    if variable not in RECORDS:
        return []
    path, name, names = RECORDS[variable]
    [function] = [f for f in compile_module(path).global_ctx.function_defs if f.name == name]
    value = function.get_descendants(nodes.Return)[0].value
    if isinstance(value, nodes.Tuple):
        pairs = list(zip(names, value.elements, strict=True))
    else:
        pairs = [(keyword.arg, keyword.value) for keyword in value.keywords]
    fields = sorted((_read_field(*pair) for pair in pairs), key=lambda field: field.low)
    for below, above in pairwise(fields):
        if below.low + below.bits > above.low:
            raise ValueError(f"{variable}: {below.name} and {above.name} overlap")
    return fields


def _read_field(name: str, node: Any) -> Field:
    shift, mask = _read_shift(node)
    if mask is None:
        return Field(name, shift, WORD_BITS - shift)
    low = (mask & -mask).bit_length() - 1
    return Field(name, shift + low, mask.bit_count())


def _read_shift(node: Any) -> tuple[int, int | None]:
    """Read `(word >> shift) & mask`, perhaps converted or compared with zero."""
    if isinstance(node, nodes.Compare):
        return _read_shift(node.left)
    if isinstance(node, nodes.Call):
        return _read_shift(node.args[0])
    if isinstance(node, nodes.BinOp):
        shift, _ = _read_shift(node.left)
        number = node.right.reduced().value
        if isinstance(node.op, nodes.BitAnd):
            return shift, number
        if isinstance(node.op, nodes.RShift):
            return shift + number, None
    if isinstance(node, nodes.Name):
        return 0, None
    raise ValueError(f"cannot read the bits of {node.node_source_code}")

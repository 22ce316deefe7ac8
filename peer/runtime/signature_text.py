"""Read signatures as people write them: `greet(name: string, times: u32) -> string`."""

import re
from typing import Final

from peer.runtime.errors import ModuleError
from peer.runtime.guest_types import ArrayType, Basic, Field, GuestType, Signature

SIGNATURE: Final = re.compile(
    r"\s*(?:fn\s+)?(?P<name>\w+)\s*\((?P<inputs>[^()]*)\)\s*(?:->\s*(?P<output>\S.*?))?\s*;?\s*"
)
# Rust's spelling of the same types, so that a guest's own source is a description of it.
RUST_NAMES: Final = {
    "i8": Basic.S8,
    "i16": Basic.S16,
    "i32": Basic.S32,
    "i64": Basic.S64,
    "String": Basic.STRING,
    "&str": Basic.STRING,
    "Vec<u8>": Basic.BYTES,
    "&[u8]": Basic.BYTES,
}


def parse_signatures(text: str) -> list[Signature]:
    """Read one signature a line; `#` and `//` begin comments, empty lines are skipped."""
    found: dict[str, Signature] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#")[0].split("//")[0].strip()
        if not content:
            continue
        signature = parse_signature(content, f"line {number}")
        if signature.name in found:
            raise ModuleError(f"line {number}: {signature.name} stands twice")
        found[signature.name] = signature
    return list(found.values())


def parse_signature(text: str, where: str) -> Signature:
    """Read one signature; raise `ModuleError` that begins with `where`."""
    match = SIGNATURE.fullmatch(text)
    if match is None:
        raise ModuleError(
            f"{where}: {text.strip()!r} is no signature",
            remedy="write name(argument: type, …) -> type",
        )
    fields = []
    for part in filter(None, (piece.strip() for piece in match["inputs"].split(","))):
        name, colon, type_text = part.partition(":")
        if not colon or not name.strip().isidentifier():
            raise ModuleError(f"{where}: {part!r} is no `argument: type`")
        fields.append(Field(name.strip(), _parse_type(type_text, where)))
    output = match["output"]
    outputs = () if output is None or output == "()" else (_parse_type(output, where),)
    return Signature(match["name"], tuple(fields), outputs)


def _parse_type(text: str, where: str) -> GuestType:
    name = re.sub(r"\s+", "", text)
    if name in RUST_NAMES:
        return RUST_NAMES[name]
    if name in {basic.value for basic in Basic}:
        return Basic(name)
    if name.startswith("[") and name.endswith("]"):
        return ArrayType(_parse_type(name[1:-1], where))
    if name.startswith("Vec<") and name.endswith(">"):
        return ArrayType(_parse_type(name[4:-1], where))
    known = ", ".join(basic.value for basic in Basic)
    raise ModuleError(f"{where}: unknown type {name!r}", remedy=f"known are {known} and [type]")

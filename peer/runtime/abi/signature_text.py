"""Read signatures as people write them: `greet(name: string, times: u32) -> string`."""

import re
from dataclasses import dataclass
from typing import Final

from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    FunctionSignature,
    GuestType,
    NamedType,
    RecordType,
)
from peer.runtime.abi.interface_types import MAX_TYPE_DEPTH
from peer.runtime.errors import ModuleError

SIGNATURE: Final = re.compile(
    r"\s*(?:fn\s+)?(?P<name>\w+)\s*\((?P<inputs>[^()]*)\)\s*(?:->\s*(?P<output>\S.*?))?\s*;?\s*"
)
RECORD: Final = re.compile(r"record\s+(?P<name>\w+)\s*\{(?P<fields>[^{}]*)\}")
IMPORT: Final = re.compile(r"import\s+(?P<module>[\w:.-]+)\s+(?P<signature>.*)")
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


@dataclass(frozen=True, slots=True)
class Declarations:
    """What a text declares: functions, and imports by module name."""

    functions: tuple[FunctionSignature, ...]
    imports: tuple[tuple[str, FunctionSignature], ...]


def parse_signatures(text: str) -> list[FunctionSignature]:
    """Return the functions that `parse_declarations` finds."""
    return list(parse_declarations(text).functions)


def parse_declarations(text: str) -> Declarations:
    """Read one declaration a line; `#` and `//` begin comments, empty lines are skipped.

    `record Name {field: type, …}` may stand before or after its use; `import module signature` is a
    function of another module. Raises `ModuleError` that names the line.
    """
    records, plain = _Records(), []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#")[0].split("//")[0].strip()
        where = f"line {number}"
        match = RECORD.fullmatch(content)
        if match is not None:
            records.declare(match["name"], match["fields"], where)
        elif content:
            plain.append((content, where))
    functions: dict[tuple[str, str], FunctionSignature] = {}
    for content, where in plain:
        match = IMPORT.fullmatch(content)
        module, rest = (match["module"], match["signature"]) if match else ("", content)
        signature = parse_signature(rest, where, records)
        if (module, signature.name) in functions:
            raise ModuleError(f"{where}: {signature.name} stands twice")
        functions[module, signature.name] = signature
    return Declarations(
        tuple(signature for (module, _), signature in functions.items() if not module),
        tuple((module, signature) for (module, _), signature in functions.items() if module),
    )


def parse_signature(text: str, where: str, records: "_Records | None" = None) -> FunctionSignature:
    """Read one signature; raise `ModuleError` that begins with `where`."""
    match = SIGNATURE.fullmatch(text)
    if match is None:
        raise ModuleError(
            f"{where}: {text.strip()!r} is no signature",
            remedy="write name(argument: type, …) -> type",
        )
    known = records or _Records()
    fields = _parse_fields(match["inputs"], where, known)
    output = match["output"]
    outputs = () if output is None or output == "()" else (_parse_type(output, where, known),)
    return FunctionSignature(match["name"], fields, outputs)


class _Records:
    """The records of a text; each is read when it is first used."""

    def __init__(self) -> None:
        self._texts: dict[str, tuple[str, str]] = {}
        self._found: dict[str, RecordType] = {}
        self._open: list[str] = []

    def declare(self, name: str, fields: str, where: str) -> None:
        """Note a record; the same one may stand there twice."""
        before = self._texts.setdefault(name, (fields, where))
        if before[0] != fields:
            raise ModuleError(f"{where}: the record {name} stands twice, with other fields")

    def find(self, name: str) -> RecordType | None:
        """Return a record, None if there is none of this name."""
        if name not in self._texts:
            return None
        fields, where = self._texts[name]
        if name in self._open:
            raise ModuleError(f"{where}: the record {name} contains itself")
        if len(self._open) >= MAX_TYPE_DEPTH:
            raise ModuleError(f"{where}: records nest more than {MAX_TYPE_DEPTH} levels deep")
        if name not in self._found:
            self._open.append(name)
            self._found[name] = RecordType(name, _parse_fields(fields, where, self))
            self._open.pop()
        return self._found[name]


def _parse_fields(text: str, where: str, records: _Records) -> tuple[NamedType, ...]:
    fields = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, colon, type_text = part.partition(":")
        if not colon or not name.strip().isidentifier():
            raise ModuleError(f"{where}: {part!r} is no `argument: type`")
        fields.append(NamedType(name.strip(), _parse_type(type_text, where, records)))
    return tuple(fields)


def _parse_type(text: str, where: str, records: _Records) -> GuestType:
    name = re.sub(r"\s+", "", text)
    arrays = 0
    while name not in RUST_NAMES:
        if name.startswith("[") and name.endswith("]"):
            name = name[1:-1]
        elif name.startswith("Vec<") and name.endswith(">"):
            name = name[4:-1]
        else:
            break
        arrays += 1
        if arrays > MAX_TYPE_DEPTH:
            raise ModuleError(f"{where}: more than {MAX_TYPE_DEPTH} arrays in one another")
    found = _find_type(name, where, records)
    for _ in range(arrays):
        found = ArrayType(found)
    return found


def _find_type(name: str, where: str, records: _Records) -> GuestType:
    if name in RUST_NAMES:
        return RUST_NAMES[name]
    if name in {basic.value for basic in Basic}:
        return Basic(name)
    record = records.find(name)
    if record is not None:
        return record
    known = ", ".join(basic.value for basic in Basic)
    raise ModuleError(
        f"{where}: unknown type {name!r}", remedy=f"known are {known}, [type] and records"
    )

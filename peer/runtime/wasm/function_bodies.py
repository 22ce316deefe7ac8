"""Give functions of a core Wasm module other code; everything else stays as it is, byte by byte."""

from collections.abc import Mapping
from typing import Final

from peer.runtime.errors import ModuleError
from peer.runtime.wasm.binary import ByteReader
from peer.runtime.wasm.sections import MAGIC, MAX_FUNCTIONS, ExternKind, read_outline, read_sections
from wasmarket.kernel.documents.varints import encode_varint

CODE: Final = 10


def replace_bodies(wasm: bytes, bodies: Mapping[int, bytes]) -> bytes:
    """Return the module with these bodies (locals and code) in functions of these numbers.

    Numbers count imports first, as calls do. Raise `ModuleError` if there is no such function.
    """
    kinds = [wanted.kind for wanted in read_outline(wasm).imports]
    imported = kinds.count(ExternKind.FUNCTION)
    out = bytearray(MAGIC)
    left = dict(bodies)
    for section, content in read_sections(wasm):
        kept = _replace(content, imported, left) if section == CODE else content
        out += bytes([section]) + encode_varint(len(kept)) + kept
    if left:
        raise ModuleError(f"the module has no code for function {min(left)}")
    return bytes(out)


def _replace(content: bytes, imported: int, left: dict[int, bytes]) -> bytes:
    reader = ByteReader(content, "the module")
    count = reader.read_count(MAX_FUNCTIONS, "functions")
    out = bytearray(encode_varint(count))
    for number in range(imported, imported + count):
        body = reader.read_bytes(reader.read_leb())
        body = left.pop(number, body)
        out += encode_varint(len(body)) + body
    return bytes(out)

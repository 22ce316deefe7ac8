"""Find the JSON that a receipt holds the hash of, from what a script was told of the same answer.

AquaVM sorts the fields of records, and to scripts bytes are lists of numbers; a receipt has the
answer as a call over HTTP gives it: fields as they are declared, bytes as base64.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wasmarket.kernel.hashing import sha256

BYTES: Final = "bytes"


def hash_answer(value: str, function: str, described: Mapping[str, Any]) -> bytes:
    """Return the hash of an answer in a receipt, of its JSON `value` in a script.

    `described` is the service's interface as peers show it; what it does not have stays as it is.
    """
    fields = {
        entry["name"]: {part["name"]: part["type"] for part in entry["fields"]}
        for entry in described.get("records", ())
    }
    outputs = {entry["name"]: entry["output"] or "" for entry in described.get("functions", ())}
    restored = _restore(msgspec.json.decode(value), outputs.get(function, ""), fields)
    return sha256(msgspec.json.encode({"result": restored}))


def _restore(value: Any, kind: str, records: Mapping[str, Mapping[str, str]]) -> Any:
    if isinstance(value, list):
        if kind == BYTES:
            return base64.b64encode(bytes(value)).decode()
        element = kind[1:-1] if kind.startswith("[") else ""
        return [_restore(item, element, records) for item in value]
    if not isinstance(value, dict):
        return value
    fields = records.get(kind)
    if fields is None or fields.keys() != value.keys():
        # Inside an option or a result, only the names tell which record it is.
        fields = next((found for found in records.values() if found.keys() == value.keys()), None)
    if fields is None:
        return {name: _restore(item, "", records) for name, item in value.items()}
    return {name: _restore(value[name], part, records) for name, part in fields.items()}

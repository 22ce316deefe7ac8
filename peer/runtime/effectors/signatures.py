"""Name the functions of every effector, with their types: what guests import and the host answers.

Shapes count, names of records and fields do not: a module may declare them in its own words.
"""

from collections.abc import Mapping
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

PREFIX: Final = "wasmarket:"
"""No module of a service can have such a name."""
LOG: Final = "log"
HTTP: Final = "http"
KV: Final = "kv"
IPFS: Final = "ipfs"
SECRET: Final = "secret"
PROGRAMS: Final = "programs"
"""Behind binaries that are mounted by the name of a program of the host."""
CURL: Final = "curl"
"""The function of `http` that stands behind a mounted binary."""

_STRING, _BYTES, _BOOL, _U32, _S64 = Basic.STRING, Basic.BYTES, Basic.BOOL, Basic.U32, Basic.S64


def _record(name: str, /, **fields: GuestType) -> RecordType:
    return RecordType(name, tuple(NamedType(part, kind) for part, kind in fields.items()))


def _functions(*signatures: FunctionSignature) -> Mapping[str, FunctionSignature]:
    return {signature.name: signature for signature in signatures}


def _function(name: str, output: GuestType | None, /, **fields: GuestType) -> FunctionSignature:
    inputs = tuple(NamedType(part, kind) for part, kind in fields.items())
    return FunctionSignature(name, inputs, () if output is None else (output,))


HEADER: Final = _record("Header", name=_STRING, value=_STRING)
HTTP_REQUEST: Final = _record(
    "HttpRequest",
    method=_STRING,
    url=_STRING,
    headers=ArrayType(HEADER),
    body=_BYTES,
    timeout_ms=_U32,
    redirects=_U32,
)
HTTP_RESPONSE: Final = _record(
    "HttpResponse",
    error=_STRING,
    status=_U32,
    url=_STRING,
    headers=ArrayType(HEADER),
    body=_BYTES,
)
EFFECTORS: Final[Mapping[str, Mapping[str, FunctionSignature]]] = {
    HTTP: _functions(_function("request", HTTP_RESPONSE, request=HTTP_REQUEST)),
    IPFS: _functions(
        _function("get", _record("IpfsContent", error=_STRING, data=_BYTES), cid=_STRING),
        _function("put", _record("IpfsName", error=_STRING, cid=_STRING), data=_BYTES),
    ),
    KV: _functions(
        _function("get", _record("KvValue", error=_STRING, found=_BOOL, value=_BYTES), key=_STRING),
        _function("put", _STRING, key=_STRING, value=_BYTES),
        _function("delete", _STRING, key=_STRING),
        _function(
            "swap",
            _record("KvSwap", error=_STRING, swapped=_BOOL),
            key=_STRING,
            had=_BOOL,
            expected=_BYTES,
            value=_BYTES,
        ),
        _function("add", _record("KvNumber", error=_STRING, number=_S64), key=_STRING, by=_S64),
        _function(
            "list",
            _record("KvKeys", error=_STRING, keys=ArrayType(_STRING)),
            prefix=_STRING,
            after=_STRING,
            limit=_U32,
        ),
    ),
    SECRET: _functions(
        _function("get", _record("SecretValue", error=_STRING, value=_BYTES), name=_STRING)
    ),
    LOG: _functions(_function("write", None, level=_U32, text=_STRING)),
}
MOUNTED: Final = _function(
    CURL,
    _record("MountedBinaryResult", ret_code=Basic.S32, error=_STRING, stdout=_BYTES, stderr=_BYTES),
    cmd=ArrayType(_STRING),
)
MOUNTABLE: Final = frozenset({HTTP})
"""Effectors that can be mounted as a binary."""


@dataclass(frozen=True, slots=True)
class Grants:
    """What a module may import beside WASI and its service's others; None: anything, to inspect."""

    effectors: frozenset[str] | None = None
    is_deterministic: bool = False
    mounted: Mapping[str, str] | None = None
    """Effectors by the name under which they are mounted in the namespace `host`."""

"""The records in which the host answers: as a module declares them, else as its SDK had them.

Real modules do not declare the types of host functions, but their SDK leaves its records among
their types. Where even that is missing, the namespace of the import says which SDK it was.
"""

from collections.abc import Mapping
from typing import Final

from peer.runtime.abi.guest_types import (
    BINARY_RESULT,
    BINARY_STRING_RESULT,
    CALL_PARAMETERS,
    ArrayType,
    Basic,
    GuestType,
    Interface,
    NamedType,
    RecordType,
    measure_record,
)
from peer.runtime.effectors.signatures import MOUNTED
from peer.runtime.errors import ModuleError
from peer.runtime.module.host_api import CALL_PARAMETERS_FUNCTION

MAX_ANSWER_PARTS: Final = 4_096
"""The host fills every field, given or not, so what a module may have filled is bounded."""
_STRING: Final = Basic.STRING


def _record(name: str, fields: Mapping[str, GuestType]) -> RecordType:
    return RecordType(name, tuple(NamedType(part, kind) for part, kind in fields.items()))


def _tetraplets(last: str) -> GuestType:
    names = ("peer_pk", "service_id", "function_name", last)
    return ArrayType(ArrayType(_record("SecurityTetraplet", dict.fromkeys(names, _STRING))))


_PARTICLE: Final = _record(
    "ParticleParameters",
    {
        "id": _STRING,
        "init_peer_id": _STRING,
        "timestamp": Basic.U64,
        "ttl": Basic.U32,
        "script": _STRING,
        "signature": Basic.BYTES,
        "token": _STRING,
    },
)
_SERVICE: Final = dict.fromkeys(("service_id", "service_creator_peer_id", "host_id"), _STRING)
_WORKER: Final = {"worker_id": _STRING}
_INITIATOR: Final = {"init_peer_id": _STRING}
_OLD_PARTICLE: Final = {"particle_id": _STRING}
KNOWN_PARAMETERS: Final = {
    namespace: _record(CALL_PARAMETERS, fields)
    for namespace, fields in {
        "host": _INITIATOR | _SERVICE | _OLD_PARTICLE | {"tetraplets": _tetraplets("json_path")},
        "__marine_host_api_v1": _INITIATOR
        | _SERVICE
        | _WORKER
        | _OLD_PARTICLE
        | {"tetraplets": _tetraplets("json_path")},
        "__marine_host_api_v2": {"particle": _PARTICLE}
        | _SERVICE
        | _WORKER
        | {"tetraplets": _tetraplets("lambda")},
        "__marine_host_api_v3": {"particle": _PARTICLE}
        | _SERVICE
        | _WORKER
        | {"tetraplets": _tetraplets("lens")},
    }.items()
}


def find_call_parameters(interface: Interface, namespace: str) -> RecordType:
    """Return the record that `get_call_parameters` of this namespace answers."""
    declared = interface.imports.get((namespace, CALL_PARAMETERS_FUNCTION))
    output = declared.outputs[0] if declared is not None and declared.outputs else None
    record = output if isinstance(output, RecordType) else None
    record = record or interface.host_records.get(CALL_PARAMETERS) or KNOWN_PARAMETERS[namespace]
    return _bounded(record)


def find_binary_result(interface: Interface) -> RecordType:
    """Return the record that a mounted binary answers.

    Both of the SDK's lie alike in memory, and a module does not say which of them it means.
    """
    known = MOUNTED.outputs[0]
    assert isinstance(known, RecordType)
    declared = interface.host_records
    return _bounded(declared.get(BINARY_RESULT) or declared.get(BINARY_STRING_RESULT) or known)


def _bounded(record: RecordType) -> RecordType:
    if measure_record(record).parts > MAX_ANSWER_PARTS:
        raise ModuleError(f"the host's record {record.name} has more than {MAX_ANSWER_PARTS} parts")
    return record

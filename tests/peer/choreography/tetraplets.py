"""A guest that answers what its host told it about the call: the SDK's record, whole."""

from peer.runtime.abi.guest_types import Basic, FunctionSignature, NamedType
from peer.runtime.module.host_records import KNOWN_PARAMETERS
from tests.peer.runtime.guests import build_guest

NAMESPACE = "__marine_host_api_v3"


def build_witness() -> bytes:
    signature = FunctionSignature(
        "witness", (NamedType("value", Basic.STRING),), (KNOWN_PARAMETERS[NAMESPACE],)
    )
    return build_guest(
        """(func (export "witness") (param i32 i32) call $parameters)
        (func (export "trap") unreachable)""",
        signature,
        "trap()",
        imports=f'(import "{NAMESPACE}" "get_call_parameters" (func $parameters))',
    )

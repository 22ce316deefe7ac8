"""Describe an interface as JSON-able values: what the API and the command line show."""

from peer.runtime.abi.guest_types import (
    FlagsType,
    GuestType,
    Interface,
    NamedType,
    RecordType,
    VariantType,
    describe_type,
    get_parts,
)


def describe_interface(interface: Interface) -> dict[str, object]:
    """Return the typed signatures as JSON-able values: functions and the named types they use."""
    named: dict[str, RecordType | VariantType | FlagsType] = {}
    for signature in interface.functions.values():
        for guest_type in (*(p.type for p in signature.parameters), *signature.outputs):
            _collect_named(guest_type, named)
    found = named.values()
    described: dict[str, object] = {
        "functions": [
            {
                "name": signature.name,
                "arguments": [_describe_field(p) for p in signature.parameters],
                "output": describe_type(signature.outputs[0]) if signature.outputs else None,
            }
            for signature in interface.functions.values()
        ],
        "records": [
            {"name": record.name, "fields": [_describe_field(part) for part in record.fields]}
            for record in found
            if isinstance(record, RecordType)
        ],
    }
    variants = [_describe_variant(kind) for kind in found if isinstance(kind, VariantType)]
    flags = [
        {"name": kind.name, "flags": list(kind.flags)}
        for kind in found
        if isinstance(kind, FlagsType)
    ]
    # Only components have them.
    return (
        described
        | ({"variants": variants} if variants else {})
        | ({"flags": flags} if flags else {})
    )


def _describe_field(part: NamedType) -> dict[str, str]:
    return {"name": part.name, "type": describe_type(part.type)}


def _describe_variant(variant: VariantType) -> dict[str, object]:
    return {
        "name": variant.name,
        "cases": [
            {"name": case.name, "type": None if case.type is None else describe_type(case.type)}
            for case in variant.cases
        ],
    }


def _collect_named(
    guest_type: GuestType, found: dict[str, RecordType | VariantType | FlagsType]
) -> None:
    if isinstance(guest_type, RecordType | VariantType | FlagsType):
        if guest_type.name in found:
            return
        found[guest_type.name] = guest_type
    for part in get_parts(guest_type):
        if part is not None:
            _collect_named(part, found)

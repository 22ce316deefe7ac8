"""Read logs of any contract by the fragment of its ABI that an app gives."""

from typing import Any

from wasmarket.chain.contracts.abi import Param, decode_values
from wasmarket.chain.reading.blocks import RawLog
from wasmarket.kernel.errors import InvalidInput, WrongChain
from wasmarket.kernel.events.fragments import EventFragment, FragmentInput, to_json


def decode_log(fragment: EventFragment, raw: RawLog) -> dict[str, Any]:
    """Return the arguments of an event's log as JSON values, in the order of the fragment.

    Raises InvalidInput for a log that the fragment does not describe, for instance because other
    arguments are indexed.
    """
    indexed = [part for part in fragment.inputs if part.indexed]
    plain = [part for part in fragment.inputs if not part.indexed]
    if len(raw.topics) != len(indexed) + 1:
        raise InvalidInput(
            f"the log of {fragment.signature} in transaction {raw.transaction_hash} has "
            f"{len(raw.topics) - 1} indexed arguments, the ABI says {len(indexed)}",
            remedy="correct `event` in app.toml: which arguments are `indexed`",
        )
    try:
        head = bytes.fromhex("".join(topic[2:] for topic in raw.topics[1:]))
        found = _decode(indexed, head) | _decode(plain, bytes.fromhex(raw.data[2:]))
    except (ValueError, WrongChain) as error:
        raise InvalidInput(
            f"the log of {fragment.signature} in transaction {raw.transaction_hash} does not fit "
            "its ABI",
            remedy="correct `event` in app.toml: the types, and which arguments are `indexed`",
        ) from error
    return {part.name: found[part.name] for part in fragment.inputs}


def _decode(parts: list[FragmentInput], data: bytes) -> dict[str, Any]:
    # Of what is hashed there is one word, whatever its type.
    kinds = ["bytes32" if part.is_hashed else part.type for part in parts]
    params = [Param(part.name, kind, False, ()) for part, kind in zip(parts, kinds, strict=True)]
    values = decode_values(params, data)
    return {
        part.name: to_json(kind, value)
        for part, kind, value in zip(parts, kinds, values, strict=True)
    }

"""Encode and decode by the committed ABI (`wasmarket/kernel/abi/*.json`).

Values are ours on both sides: addresses EIP-55, bytes32 as Hash, structs by member name.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from eth_abi.abi import decode, encode, is_encodable
from eth_abi.exceptions import DecodingError, EncodingError

from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.errors import InvalidInput, WrongChain
from wasmarket.kernel.hashing import keccak

REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Param:
    """One input, output or struct member; `type` is written out, tuples as `(…)`."""

    name: str
    type: str
    indexed: bool
    members: tuple["Param", ...]

    @property
    def wire_type(self) -> str:
        """The type as decoded: text as bytes, because nobody checks it on chain."""
        return self.type.replace("string", "bytes")

    @property
    def is_static(self) -> bool:
        """Whether the value fills exactly one word."""
        return not self.members and not self.type.endswith("]") and self.type not in DYNAMIC


DYNAMIC = ("string", "bytes")


@dataclass(frozen=True, slots=True)
class Function:
    """One external function."""

    name: str
    inputs: tuple[Param, ...]
    outputs: tuple[Param, ...]
    selector: bytes

    def encode(self, args: Sequence[Any]) -> bytes:
        """Return the call data. Raises InvalidInput that names the argument."""
        if len(args) != len(self.inputs):
            raise InvalidInput(f"{self.name} takes {len(self.inputs)} arguments, not {len(args)}")
        return self.selector + encode_values(self.inputs, args)

    def decode_inputs(self, data: bytes) -> tuple[Any, ...]:
        """Read the arguments out of call data (without the selector)."""
        return decode_values(self.inputs, data)

    def encode_outputs(self, values: Sequence[Any]) -> bytes:
        """Write outputs as the contract would."""
        return encode_values(self.outputs, values)

    def decode_output(self, data: bytes) -> Any:
        """Read the output: a value, or a tuple when there are several. Raises WrongChain."""
        if not data and self.outputs:
            raise WrongChain(
                f"{self.name} gave no answer: there is no such contract on this chain",
                remedy="another Anvil may be running on this port, or deploy again",
            )
        values = decode_values(self.outputs, data)
        return values[0] if len(values) == 1 else values


@dataclass(frozen=True, slots=True)
class EventType:
    """One event of a contract."""

    name: str
    inputs: tuple[Param, ...]
    topic: str


@dataclass(frozen=True, slots=True)
class Abi:
    """What one contract takes, gives and logs."""

    contract: str
    functions: Mapping[str, Function]
    events: Mapping[str, EventType]

    def function(self, name: str) -> Function:
        """Return a function by name. Raises InvalidInput."""
        if name not in self.functions:
            raise InvalidInput(f"{self.contract} has no function {name}")
        return self.functions[name]


@cache
def load_abi(contract: str) -> Abi:
    """Read the ABI of a contract by its name, such as "Market"."""
    text = (files("wasmarket.kernel") / "abi" / f"{contract}.json").read_text("utf-8")
    return parse_abi(contract, json.loads(text))


def parse_abi(contract: str, entries: Sequence[Mapping[str, Any]]) -> Abi:
    """Read an ABI document."""
    functions: dict[str, Function] = {}
    events: dict[str, EventType] = {}
    for entry in entries:
        inputs = tuple(_to_param(item) for item in entry.get("inputs", ()))
        signature = f"{entry.get('name')}({','.join(param.type for param in inputs)})"
        digest = keccak(signature.encode())
        if entry["type"] == "function":
            outputs = tuple(_to_param(item) for item in entry["outputs"])
            functions[entry["name"]] = Function(entry["name"], inputs, outputs, digest[:4])
        elif entry["type"] == "event":
            events[entry["name"]] = EventType(entry["name"], inputs, "0x" + digest.hex())
    return Abi(contract, functions, events)


def encode_values(params: Sequence[Param], values: Sequence[Any]) -> bytes:
    """ABI-encode values. Raises InvalidInput that names the one that does not fit."""
    raw = [_to_wire(param, value) for param, value in zip(params, values, strict=True)]
    try:
        return encode([param.type for param in params], raw)
    except EncodingError as error:
        for param, value in zip(params, raw, strict=True):
            if not is_encodable(param.type, value):
                raise InvalidInput(
                    f"{param.name} does not fit {param.type}", field=param.name or None
                ) from error
        raise InvalidInput(str(error)) from error


def decode_values(params: Sequence[Param], data: bytes) -> tuple[Any, ...]:
    """Decode values. Raises WrongChain when the bytes do not fit."""
    try:
        raw = decode([param.wire_type for param in params], data)
    except (DecodingError, OverflowError) as error:
        raise WrongChain(f"the contract's answer does not fit its ABI: {error}") from error
    return tuple(_from_wire(param, value) for param, value in zip(params, raw, strict=True))


def clean_text(data: bytes) -> str:
    """Read text that a stranger wrote: bad UTF-8 and NUL, which no database takes, are replaced."""
    return data.decode("utf-8", "replace").replace("\0", REPLACEMENT)


def _to_param(item: Mapping[str, Any]) -> Param:
    members = tuple(_to_param(member) for member in item.get("components", ()))
    kind = str(item["type"])
    if members:
        kind = f"({','.join(member.type for member in members)})" + kind.removeprefix("tuple")
    return Param(item.get("name", ""), kind, bool(item.get("indexed")), members)


def _element(param: Param) -> Param:
    return Param(param.name, param.type[: param.type.rindex("[")], False, param.members)


def _to_wire(param: Param, value: Any) -> Any:
    if param.type.endswith("]"):
        return [_to_wire(_element(param), entry) for entry in value]
    if param.members:
        if isinstance(value, Mapping):
            value = [value[member.name] for member in param.members]
        elif not isinstance(value, Sequence):
            value = [getattr(value, member.name) for member in param.members]
        return tuple(_to_wire(m, entry) for m, entry in zip(param.members, value, strict=True))
    if param.type.startswith("bytes") and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    if param.type == "bytes32" and isinstance(value, int):
        return value.to_bytes(32, "big")
    return value


def _from_wire(param: Param, value: Any) -> Any:
    if param.type.endswith("]"):
        return tuple(_from_wire(_element(param), entry) for entry in value)
    if param.members:
        return tuple(_from_wire(m, entry) for m, entry in zip(param.members, value, strict=True))
    if param.type == "address":
        return to_address(bytes.fromhex(value[2:]))
    if param.type == "bytes32":
        return "0x" + value.hex()
    if param.type == "string":
        return clean_text(value)
    return value

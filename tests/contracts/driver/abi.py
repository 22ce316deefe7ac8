"""Encode calls and decode answers and logs, the same way for every chain that tests run on."""

from typing import Any, NamedTuple

from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address
from eth_utils.abi import collapse_if_tuple

Word = bytes


class Log(NamedTuple):
    """A log line as a node gives it."""

    address: str
    topics: tuple[Word, ...]
    data: bytes


def types_of(inputs: list[dict[str, Any]]) -> list[str]:
    """List the canonical types of ABI parameters."""
    return [collapse_if_tuple(parameter) for parameter in inputs]


def plain(value: Any) -> Any:
    """Make a decoded value comparable: checksummed addresses, tuples throughout."""
    if isinstance(value, str) and len(value) == 42 and value.startswith("0x"):
        return to_checksum_address(value)
    if isinstance(value, (list, tuple)):
        return tuple(plain(member) for member in value)
    return value


class Contract:
    """An address and what it understands. `handle` is what the chain itself calls it by."""

    def __init__(
        self, name: str, address: str, abi: list[dict[str, Any]], handle: Any = None
    ) -> None:
        self.name, self.address, self.handle = name, address, handle
        self._functions = {entry["name"]: entry for entry in abi if entry["type"] == "function"}
        self._events = {
            keccak(text=f"{entry['name']}({','.join(types_of(entry['inputs']))})"): entry
            for entry in abi
            if entry["type"] == "event"
        }

    @property
    def writes(self) -> list[str]:
        """Name every function that may change state."""
        return [
            name
            for name, entry in self._functions.items()
            if entry["stateMutability"] not in ("view", "pure")
        ]

    def inputs(self, function: str) -> list[str]:
        """List the types of a function's arguments."""
        return types_of(self._functions[function]["inputs"])

    def encode(self, function: str, arguments: tuple[Any, ...]) -> bytes:
        """Build the calldata of a call."""
        types = self.inputs(function)
        selector = keccak(text=f"{function}({','.join(types)})")[:4]
        return selector + encode(types, arguments)

    def decode(self, function: str, answer: bytes) -> Any:
        """Read what a call returned; a single value comes bare."""
        values = plain(decode(types_of(self._functions[function]["outputs"]), answer))
        return values[0] if len(values) == 1 else values

    def event(self, log: Log) -> tuple[str, dict[str, Any]]:
        """Read a log line of this contract."""
        entry = self._events[log.topics[0]]
        indexed = [i for i in entry["inputs"] if i["indexed"]]
        others = [i for i in entry["inputs"] if not i["indexed"]]
        found = {
            i["name"]: plain(decode([i["type"]], topic)[0])
            for i, topic in zip(indexed, log.topics[1:], strict=True)
        }
        values = decode(types_of(others), log.data)
        found |= {i["name"]: plain(v) for i, v in zip(others, values, strict=True)}
        return entry["name"], found

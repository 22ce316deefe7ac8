"""What a line of `wasmarket repl` means, and how one goes on."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wasmarket.kernel.errors import InvalidInput
from wasmarket_cli.developer.arguments import parse_arguments, parse_function

WORDS: Final = ("help", "reload", "quit")
PLACE: Final = {
    "string": '"…"',
    "bool": "true",
    "list": "[]",
    "bytes": '"aGk="',
}
"""What an argument of a type may look like; all other types are numbers or records."""

Interfaces = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ReplCall:
    """A call that a line asks for."""

    service: str
    function: str
    arguments: Any
    """In order, or by name."""


def parse_line(line: str, interfaces: Interfaces) -> ReplCall | str | None:
    """Return the call of a line, or its word, or None for an empty one.

    `service.function 1 "two" {"three": 3}`, or `function` alone where one service has it. One
    object stands for arguments by name if the function takes more than one, or none of that type.
    Raises InvalidInput.
    """
    text = line.strip()
    if not text:
        return None
    if text in WORDS:
        return text
    name, _, rest = text.partition(" ")
    service, function = find_function(name, interfaces)
    return ReplCall(service, function, _parse_arguments(rest, interfaces[service], function))


def find_function(name: str, interfaces: Interfaces) -> tuple[str, str]:
    """Return service and function of a name. Raises InvalidInput with those there are."""
    names = list_functions(interfaces)
    if "." in name:
        service, function = parse_function(name)
        if f"{service}.{function}" in names:
            return service, function
    else:
        found = [known for known in names if known.partition(".")[2] == name]
        if len(found) == 1:
            return parse_function(found[0])
    raise InvalidInput(f"there is no function {name!r:.80}", remedy=f"there are {', '.join(names)}")


def list_functions(interfaces: Interfaces) -> list[str]:
    """Return all functions as `service.function`."""
    return [
        f"{service}.{function['name']}"
        for service, interface in interfaces.items()
        for function in interface["functions"]
    ]


def describe_functions(interfaces: Interfaces) -> list[str]:
    """Return a line for each function: what it takes and what it answers."""
    lines = []
    for service, interface in interfaces.items():
        for function in interface["functions"]:
            takes = ", ".join(f"{a['name']}: {_text(a['type'])}" for a in function["arguments"])
            gives = _text(function["output"]) if function["output"] is not None else "nothing"
            lines.append(f"{service}.{function['name']}({takes}) → {gives}")
    return lines


def complete(text: str, interfaces: Interfaces) -> list[str]:
    """Return how a line can go on: names that begin so, then what the next argument looks like."""
    if " " not in text:
        names = [*list_functions(interfaces), *WORDS]
        short = [name for name in names if name.partition(".")[2].startswith(text) and text]
        return [name for name in names if name.startswith(text)] or short
    if not text.endswith(" "):
        return []
    name, _, rest = text.partition(" ")
    try:
        service, function = find_function(name, interfaces)
        given = len(_split(rest))
    except InvalidInput:
        return []
    wanted = _find(interfaces[service], function)["arguments"]
    return [_example(wanted[given]["type"])] if given < len(wanted) else []


def _parse_arguments(rest: str, interface: Mapping[str, Any], function: str) -> Any:
    values = parse_arguments(_split(rest))
    wanted = _find(interface, function)["arguments"]
    names = {argument["name"] for argument in wanted}
    if len(values) == 1 and isinstance(values[0], dict) and names and set(values[0]) == names:
        is_one_record = len(wanted) == 1 and not isinstance(wanted[0]["type"], str)
        return values if is_one_record else values[0]
    return values


def _split(rest: str) -> list[str]:
    """Return the arguments of a line: JSON as it is, else words as a shell has them."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while place < len(rest):
        if rest[place].isspace():
            place += 1
            continue
        try:
            _, end = decoder.raw_decode(rest, place)
            is_whole = end == len(rest) or rest[end].isspace()
        except ValueError:
            is_whole = False
        if is_whole:
            found.append(rest[place:end])
            place = end
            continue
        end = _find_end(rest, place)
        found.append("".join(_unquote(rest[place:end])))
        place = end
    return found


def _find_end(rest: str, place: int) -> int:
    if rest[place] in "'\"":
        closing = rest.find(rest[place], place + 1)
        if closing < 0:
            raise InvalidInput(f"{rest[place:]!r:.80} has no closing quote")
        return closing + 1
    ends = [index for index in range(place, len(rest)) if rest[index].isspace()]
    return ends[0] if ends else len(rest)


def _unquote(word: str) -> list[str]:
    try:
        return shlex.split(word)
    except ValueError as error:
        raise InvalidInput(f"{word!r:.80} cannot be read: {error}") from error


def _find(interface: Mapping[str, Any], function: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(f for f in interface["functions"] if f["name"] == function)
    return found


def _text(kind: Any) -> str:
    return kind if isinstance(kind, str) else json.dumps(kind)


def _example(kind: Any) -> str:
    text = _text(kind)
    return next((place for name, place in PLACE.items() if text.startswith(name)), "0")

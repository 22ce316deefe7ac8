"""Read an `app.toml`, and say by line and key what is wrong in one."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from wasmarket.kernel.errors import InvalidInput

SCHEMA_NAME: Final = "app.schema.json"
REMEDY: Final = "see examples/README.md for the schema"
NEAR: Final = 0.6
_TABLES: Final = {
    "services": "service",
    "modules": "module",
    "triggers": "trigger",
    "flows": "flow",
}
"""What the manifest calls these arrays of tables, which an `app.toml` writes in the singular."""
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?")

Place = tuple[str | int, ...]
"""Keys and indices that lead to a value: `("service", 0, "module", 0, "path")`."""


def read_app_toml(file: Path) -> dict[str, Any]:
    """Return the tables of an `app.toml`, whose keys are all known. Raises InvalidInput.

    What is no TOML is named by its line, an unknown key also with the known one nearest to it.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
    except FileNotFoundError as error:
        raise InvalidInput(
            f"there is no {file}",
            remedy="name an app.toml or its folder, or begin with `wasmarket init`",
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"cannot read {file}: {error}", remedy=REMEDY) from error
    for place, known in _find_unknown(document, read_schema(), ()):
        key = str(place[-1])
        near = difflib.get_close_matches(key, known, 1, NEAR)
        raise InvalidInput(
            f"{file}:{find_line(text, place)}: {_dotted(place)} is not known",
            field=_dotted(place),
            remedy=f"did you mean {near[0]!r}?"
            if near
            else f"known here: {', '.join(sorted(known)) or 'nothing'}",
        )
    return document


def locate(error: InvalidInput, file: Path) -> InvalidInput:
    """Return what was said of a manifest's field as said of the file and line it came from."""
    if not error.field:
        return error
    parts = re.findall(r"[^.\[\]]+", error.field)
    place = tuple(
        int(part) if part.isascii() and part.isdigit() else _TABLES.get(part, part)
        for part in parts
    )
    line = find_line(file.read_text(encoding="utf-8-sig"), place)
    detail = error.detail.replace(error.field, _dotted(place), 1)
    return InvalidInput(f"{file}:{line}: {detail}", field=error.field, remedy=error.remedy)


@cache
def read_schema() -> dict[str, Any]:
    """Return the JSON Schema of `app.toml`, as editors take it too."""
    schema: dict[str, Any] = json.loads((files("wasmarket.app") / SCHEMA_NAME).read_text("utf-8"))
    return schema


def find_line(text: str, place: Place) -> int:
    """Return the line of a key, that of its table if the key is not there, 1 if neither is."""
    best, best_rank = 1, (0, False)
    seen: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.fullmatch(line)
        if header is not None:
            table = _enter(header, seen)
        if place and table[: len(place)] == place:
            return number
        if place[: len(table)] != table:
            continue
        rest = [part for part in place[len(table) :] if isinstance(part, str)]
        is_key = not rest or (header is None and _has_key(line, rest[-1]))
        rank = (len(table), is_key)
        if rank > best_rank and (is_key or header is not None):
            best, best_rank = number, rank
    return best


def _has_key(line: str, key: str) -> bool:
    pattern = rf"(^|[\s{{,.\"']){re.escape(key)}[\"']?\s*[=.]"
    return re.search(pattern, line.split("#", maxsplit=1)[0]) is not None


def _enter(header: re.Match[str], seen: dict[Place, int]) -> Place:
    """Return the place of a table whose header was met; count it if it is one of an array."""
    names = [name.strip().strip("\"'") for name in header[2].split(".")]
    place: Place = ()
    for depth, name in enumerate(names, 1):
        place = (*place, name)
        if depth == len(names) and header[1] == "[[":
            seen[place] = seen.get(place, -1) + 1
        if place in seen:
            place = (*place, seen[place])
    return place


def _find_unknown(
    value: Any, schema: Mapping[str, Any], place: Place
) -> Iterator[tuple[Place, list[str]]]:
    """Yield each key that the schema does not have, and those it has there."""
    if isinstance(value, list) and "items" in schema:
        for index, entry in enumerate(value):
            yield from _find_unknown(entry, schema["items"], (*place, index))
    if not isinstance(value, dict) or "properties" not in schema:
        return
    known = schema["properties"]
    for key, entry in value.items():
        if key not in known:
            yield (*place, key), list(known)
        else:
            yield from _find_unknown(entry, known[key], (*place, key))


def _dotted(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")

"""Write the world of an app in WIT, from the description of its functions.

A description is what `wasmarket_guest.describe` prints: functions with types, and named types.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import wasmarket_cli

ALWAYS: Final = ("log", "call")
VERSION: Final = "1.0.0"


def find_package() -> Path:
    """Return the folder of our WIT package: in the wheel, or in a checkout."""
    here = Path(wasmarket_cli.__file__).resolve().parent
    installed = here / "wit"
    return installed if installed.is_dir() else here.parent / "docs" / "wit"


def write_world(
    description: Mapping[str, Any], effectors: Iterable[str], *, has_types_apart: bool = False
) -> str:
    """Return the text of the package `app:main` with the world `app`.

    With `has_types_apart`, named types stand in an interface of their own: componentize-qjs makes
    components that are not valid where one type of a world contains another.
    """
    types = [
        line for name, kind in description["types"].items() for line in _write_type(name, kind)
    ]
    lines = ["package app:main;", ""]
    if has_types_apart and types:
        lines += ["interface types {", *types, "}", ""]
        used = ", ".join(f"%{name}" for name in description["types"])
        types = [f"  use types.{{{used}}};"]
    lines += ["world app {"]
    lines += [
        f"  import wasmarket:guest/{name}@{VERSION};" for name in (*ALWAYS, *sorted(effectors))
    ]
    lines += types
    for function in description["functions"]:
        inputs = ", ".join(f"%{name}: {write_kind(kind)}" for name, kind in function["arguments"])
        output = function["output"]
        arrow = "" if output is None else f" -> {write_kind(output)}"
        lines.append(f"  export %{function['name']}: func({inputs}){arrow};")
    return "\n".join([*lines, "}", ""])


def _write_type(name: str, kind: Mapping[str, Any]) -> list[str]:
    if "record" in kind:
        fields = ", ".join(f"%{part}: {write_kind(inner)}" for part, inner in kind["record"])
        return [f"  record %{name} {{ {fields} }}"]
    return [f"  enum %{name} {{ {', '.join('%' + case for case in kind['enum'])} }}"]


def write_kind(kind: Any) -> str:
    """Return a type as WIT writes it."""
    if isinstance(kind, str):
        return kind
    ((form, inner),) = kind.items()
    if form == "named":
        return f"%{inner}"
    if form == "tuple":
        return f"tuple<{', '.join(map(write_kind, inner))}>"
    if form == "result":
        return f"result<{', '.join('_' if end is None else write_kind(end) for end in inner)}>"
    return f"{form}<{write_kind(inner)}>"

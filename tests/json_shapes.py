"""Compare what commands write as JSON with the schemas of `docs/reference/json-output.md`."""

import json
import re
from functools import cache

from tests.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "reference" / "json-output.md"
HEX = {"hash": 64, "address": 40}
PLAIN = {"int": int, "bool": bool, "text": str, "list": list, "map": dict}
TYPES = {*PLAIN, *HEX, "amount", "cid", "any"}
DRY = "{dry_run: bool · signs: list · most_wei: amount}"


@cache
def read_schemas():
    """Return the text of each command's schema, by its words."""
    found = re.findall(r"^\| `([a-z -]+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    return {name: text for name, text in found if name not in TYPES}


def find_faults(command, output):
    """Return what in a command's output is not as its schema says; nothing if all is."""
    text = f"{read_schemas()[command]}; {DRY}"
    # What stands before a colon says when: "with `--calls`: {…}".
    shapes = [re.sub(r"^[^{:]*: (?=\{)", "", part.strip()) for part in re.split(r";\s", text)]
    closed = [shape for shape in shapes if re.fullmatch(r"((list|lines) of )?\{[^}]*\}", shape)]
    if len(closed) != len(shapes):
        # Some of it is another page's, or open.
        return []
    faults = [_compare(shape, output) for shape in closed]
    return [] if any(not found for found in faults) else min(faults, key=len)


def _compare(shape, output):
    members = {}
    for part in re.search(r"\{([^}]*)\}", shape)[1].split("·"):
        name, _, kind = part.strip().partition(": ")
        members[name] = kind
    if shape.startswith("lines of"):
        documents = [json.loads(line) for line in output.splitlines()]
    else:
        try:
            value = json.loads(output)
        except json.JSONDecodeError as error:
            return [f"is no document: {error}"]
        if shape.startswith("list of") != isinstance(value, list):
            return [f"is {'a' if isinstance(value, list) else 'no'} list"]
        documents = value if isinstance(value, list) else [value]
    return [fault for document in documents for fault in _check(members, document)]


def _check(members, document):
    if not isinstance(document, dict):
        return [f"{document!r} is no object"]
    faults = [f"{name} is not documented" for name in document if name not in members]
    for name, kind in members.items():
        value, plain = document.get(name), kind.removesuffix("?")
        if value is None:
            if not kind.endswith("?") and plain != "any":
                faults.append(f"{name} is missing")
        elif not _fits(plain, value):
            faults.append(f"{name} is {value!r}, not {plain}")
    return faults


def _fits(kind, value):
    if kind in PLAIN:
        return isinstance(value, PLAIN[kind]) and (kind != "int" or not isinstance(value, bool))
    if kind in HEX:
        return re.fullmatch(rf"0x[0-9a-fA-F]{{{HEX[kind]}}}", str(value)) is not None
    if kind == "amount":
        return isinstance(value, str) and value.isdecimal()
    return kind == "any" or isinstance(value, str)

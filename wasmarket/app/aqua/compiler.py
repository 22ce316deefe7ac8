"""Compile Aqua files: scripts in AIR with their typed interfaces, or errors with their places."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmarket.kernel.documents.aqua_types import ARROW, FlowInterface
from wasmarket.kernel.errors import ConfigError, InvalidInput, NotFound

PACKAGE: Final = Path("node_modules", "@fluencelabs", "aqua-api", "index.js")
VERSION: Final = "0.14.6"
PROGRAM: Final = Path(__file__).with_name("compile.mjs")
CHECKOUT: Final = Path(__file__).resolve().parents[3] / "tools"
SECONDS: Final = 120
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


class AquaFailed(InvalidInput):
    """Aqua does not compile"""

    slug = "aqua-failed"


@dataclass(frozen=True, slots=True)
class AquaFunction:
    """An exported function: its script in AIR and what it takes and gives."""

    name: str
    script: str
    interface: FlowInterface


@dataclass(frozen=True, slots=True)
class CompiledAqua:
    """The exported functions of a file, and what the compiler warns of."""

    functions: dict[str, AquaFunction]
    warnings: tuple[str, ...]

    def find(self, name: str) -> AquaFunction:
        """Return a function. Raises NotFound."""
        found = self.functions.get(name)
        if found is None:
            known = ", ".join(sorted(self.functions)) or "nothing: add `export name`"
            raise NotFound(f"the file exports no function {name[:80]}", remedy=f"it has {known}")
        return found


def find_compiler(*folders: Path) -> Path:
    """Return the compiler's entry, under one of `folders` or in the checkout's tools.

    Raises ConfigError where it is not installed.
    """
    for folder in (*folders, CHECKOUT):
        if (folder / PACKAGE).is_file():
            return folder / PACKAGE
    raise ConfigError(
        "the Aqua compiler is not installed",
        remedy=f"run `npm install --prefix {folders[-1]} @fluencelabs/aqua-api@{VERSION}`",
    )


def compile_aqua(
    path: Path, compiler: Path, imports: Sequence[Path] = (), constants: Sequence[str] = ()
) -> CompiledAqua:
    """Compile a file. Raises NotFound, AquaFailed with file, line and column of each error,
    ConfigError without Node.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    node = shutil.which("node")
    if node is None:
        raise ConfigError("the Aqua compiler needs Node", remedy="install Node 20 or later")
    request = {
        "path": str(path.resolve()),
        "imports": [str(folder.resolve()) for folder in (path.parent, *imports)],
        "constants": list(constants),
    }
    try:
        done = subprocess.run(
            [node, str(PROGRAM), str(compiler)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise AquaFailed(f"{path}: the compiler took more than {SECONDS} s") from error
    except (subprocess.CalledProcessError, ValueError) as error:
        printed = getattr(error, "stderr", b"") or b""
        last = printed.decode(errors="replace").strip()[-500:]
        raise AquaFailed(f"{path}: the compiler broke down: {last or error}") from error
    if answer["errors"]:
        raise AquaFailed("\n".join(_plain(text, path) for text in answer["errors"]))
    functions = {
        name: AquaFunction(name, found["script"], read_interface(found["definition"]))
        for name, found in sorted(answer["functions"].items())
    }
    return CompiledAqua(functions, tuple(_plain(text, path) for text in answer["warnings"]))


def read_interface(definition: dict[str, Any]) -> FlowInterface:
    """Return the interface that the compiler's definition of a function describes."""
    records: dict[str, dict[str, str]] = {}
    arrow = definition["arrow"]
    fields = arrow["domain"].get("fields", {})
    arguments = tuple((name, _name_type(kind, records)) for name, kind in fields.items())
    results = tuple(_name_type(kind, records) for kind in arrow["codomain"].get("items", ()))
    return FlowInterface(arguments, results, dict(sorted(records.items())))


def _name_type(kind: dict[str, Any], records: dict[str, dict[str, str]]) -> str:
    match kind["tag"]:
        case "scalar":
            name = str(kind["name"])
        case "array" | "option" as tag:
            name = ("[]" if tag == "array" else "?") + _name_type(kind["type"], records)
        case "struct":
            name = str(kind["name"])
            if name not in records:
                records[name] = {}
                fields = kind["fields"].items()
                records[name] = {part: _name_type(inner, records) for part, inner in fields}
        case "arrow":
            taken = kind["domain"].get("items", kind["domain"].get("fields", {}))
            inputs = taken.values() if isinstance(taken, dict) else taken
            sides = (inputs, kind["codomain"].get("items", ()))
            texts = [", ".join(_name_type(each, records) for each in side) for side in sides]
            name = f" {ARROW} ".join(text or "()" for text in texts)
        case tag:
            name = str(tag).removesuffix("Type")
    return name


def _plain(text: str, path: Path) -> str:
    """Return a message of the compiler without colours, with the file as it was given."""
    plain = _COLOURS.sub("", text).strip()
    return plain.replace(str(path.resolve()), str(path)).removeprefix("---- Error: ")

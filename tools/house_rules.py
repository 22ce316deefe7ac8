"""Check what no other tool checks: sizes and names of files, markers of tests, NatSpec, locks.

Prints one line per offence, `path:line: what`, and fails if there is any.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 400
LONGEST_TEST = 500
"""Tests are tables of cases, which read best together."""

GENERATED = ("wasmarket/store/migrations/versions/", "wasmarket/kernel/abi/", "docs/openapi/")
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc"}
MARKERS = {"unit", "anvil", "e2e"}
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "tools/requirements.lock",
    "tools/package-lock.json",
)

Offences = Iterator[str]


def list_files() -> list[Path]:
    """Return the tracked files that exist."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def check_size(path: Path, name: str) -> Offences:
    """A source file has at most LONGEST lines."""
    if path.suffix in {".py", ".vy", ".vyi", ".rs"} and not name.startswith(GENERATED):
        count = len(path.read_text(encoding="utf-8").splitlines())
        most = LONGEST_TEST if name.startswith("tests/") else LONGEST
        if count > most:
            yield f"{name}:1: {count} lines, {most} are allowed; split it"


def check_name(path: Path, name: str) -> Offences:
    """No file or folder is a drawer for everything."""
    for part in Path(name).parts:
        if Path(part).stem in BANNED_NAMES:
            yield f"{name}:1: {part!r} says nothing; name what it holds"


def check_markers(path: Path, name: str) -> Offences:
    """Every test under pytest has exactly one of the markers."""
    if not name.startswith("tests/") or name.startswith("tests/contracts/"):
        return
    if not (path.name.startswith("test_") and path.suffix == ".py"):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    of_file = _file_markers(tree)
    if len(of_file) > 1:
        yield f"{name}:1: more than one of {sorted(MARKERS)}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            own = MARKERS & {_marker(entry) for entry in node.decorator_list}
            is_test = node.name.startswith("test_")
            if own and of_file - own:
                yield f"{name}:{node.lineno}: {node.name} has another marker than its file"
            if is_test and not own and not of_file and not _in_marked_class(tree, node):
                yield f"{name}:{node.lineno}: {node.name} has none of {sorted(MARKERS)}"


def check_tests(path: Path, name: str) -> Offences:
    """Traps that pass silently: a reason given by keyword is never compared."""
    if name.startswith("tests/") and path.suffix == ".py":
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"reverts\(\s*message\s*=", line):
                yield f"{name}:{number}: give the reason of ape.reverts positionally"


def check_natspec(path: Path, name: str) -> Offences:
    """Every external function has a @notice; every deployable says how to stop it."""
    if path.suffix != ".vy" or not name.startswith("contracts/"):
        return
    text = path.read_text(encoding="utf-8")
    for tag in ("@title", "@license", "@notice"):
        if tag not in text.partition("\n\n\n")[0] + text[:2_000]:
            yield f"{name}:1: the file has no {tag}"
    if "/modules/" not in name and "@custom:kill" not in text:
        yield f"{name}:1: no @custom:kill says how to stop it"
    for found in re.finditer(r"@external\n(?:@\w+.*\n)*def (\w+)", text):
        if found[1] == "__init__":
            continue
        body = text[found.end() : found.end() + 1_500]
        if '"""' not in body or "@notice" not in body.split('"""')[1]:
            line = text.count("\n", 0, found.start()) + 1
            yield f"{name}:{line}: {found[1]} has no @notice"


def check_lock(path: Path, name: str) -> Offences:
    """No lock file names a registry."""
    if name in LOCKS:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if "://" in line:
                yield f"{name}:{number}: a registry's address"


CHECKS: tuple[Callable[[Path, str], Offences], ...] = (
    check_size,
    check_name,
    check_markers,
    check_tests,
    check_natspec,
    check_lock,
)


def _file_markers(tree: ast.Module) -> set[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            values = (
                node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
            )
            return MARKERS & {_marker(value) for value in values}
    return set()


def _in_marked_class(tree: ast.Module, wanted: ast.AST) -> bool:
    return any(
        isinstance(node, ast.ClassDef)
        and MARKERS & {_marker(entry) for entry in node.decorator_list}
        and wanted in ast.walk(node)
        for node in tree.body
    )


def _marker(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else ""


def main() -> int:
    """Run all checks over all tracked files."""
    offences = [
        offence
        for path in list_files()
        for check in CHECKS
        for offence in check(path, str(path.relative_to(ROOT)))
    ]
    print("\n".join(offences) if offences else "house rules are kept")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())

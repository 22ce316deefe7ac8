"""Check what no other tool checks: sizes of files and folders, names, markers, NatSpec, locks.

Prints one line per offence, `path:line: what`, and fails if there is any.
"""

import ast
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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

MOST_MODULES = 15
"""Of a folder, beside its `__init__.py`: more hide which rooms are in there."""
GLOSSARY = ROOT / "docs" / "design.md"
"""Its table of refused words names what code must not call things."""
OUTSIDE = ("tests/", "bench/", "examples/", "tools/", "scripts/")
"""Where classes may share a name, and folders be long: no part of what is installed."""

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


def check_folders(files: Sequence[Path]) -> Offences:
    """No folder holds more modules than a reader can take in."""
    counts = Counter(
        str(path.parent.relative_to(ROOT))
        for path in files
        if path.suffix == ".py" and path.name != "__init__.py" and _is_installed(path)
    )
    for folder, count in sorted(counts.items()):
        if count > MOST_MODULES:
            yield f"{folder}: {count} modules, {MOST_MODULES} are allowed; find its rooms"


def check_classes(files: Sequence[Path]) -> Offences:
    """A class name stands once: one noun for one thing."""
    seen: dict[str, str] = {}
    for path in files:
        if path.suffix != ".py" or not _is_installed(path):
            continue
        name = str(path.relative_to(ROOT))
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                if node.name in seen:
                    yield f"{name}:{node.lineno}: {node.name} is a class of {seen[node.name]} too"
                seen.setdefault(node.name, name)


def check_glossary(files: Sequence[Path]) -> Offences:
    """No identifier uses a word that the glossary refuses, alone or as a part."""
    refused = read_refused_words(GLOSSARY.read_text(encoding="utf-8"))
    if not refused:
        yield f"{GLOSSARY.relative_to(ROOT)}: it has no table of refused words"
    for path in files:
        if path.suffix != ".py" or not _is_installed(path):
            continue
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type != tokenize.NAME:
                    continue
                parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+", token.string)}
                for word in sorted(parts & refused.keys()):
                    place = f"{path.relative_to(ROOT)}:{token.start[0]}"
                    yield f"{place}: {token.string}: say {refused[word]}, not {word}"


def read_refused_words(text: str) -> dict[str, str]:
    """Return the glossary's refused words, each with what to say instead."""
    table = text.partition("| say | not |")[2].partition("\n\n")[0]
    refused = {}
    for say, words in re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE):
        for word in re.findall(r"`(\w+)`", words):
            refused[word] = say
    return refused


def _is_installed(path: Path) -> bool:
    name = str(path.relative_to(ROOT))
    return not name.startswith(OUTSIDE) and "/migrations/" not in name


CHECKS_OF_ALL: tuple[Callable[[Sequence[Path]], Offences], ...] = (
    check_folders,
    check_classes,
    check_glossary,
)
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
    files = list_files()
    offences = [
        offence
        for path in files
        for check in CHECKS
        for offence in check(path, str(path.relative_to(ROOT)))
    ]
    offences += [offence for check_all in CHECKS_OF_ALL for offence in check_all(files)]
    print("\n".join(offences) if offences else "house rules are kept")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())

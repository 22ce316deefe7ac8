"""Apply every fault of the catalogue to a copy of the contracts; a test must fail for each.

`python tests/mutants [name …]`; `sources` names the run without a fault, `NAME-` all faults from
that one on. First the tests that should notice, those first that killed this fault before, or
another of the same file; then all of them for what is left. MUTANTS_AT_ONCE (2) at a time. Prints a
line for each fault and the survivors; fails if there are any, if an old text is stale, or if the
sources do not pass as they are.
"""

import json
import multiprocessing
import multiprocessing.pool
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
TESTS = ModuleType("tests")  # another distribution has a package of that name
TESTS.__path__ = [str(ROOT / "tests")]
sys.modules["tests"] = TESTS
sys.path[0] = str(ROOT)

# Loaded once for all: each fault runs in a fork of this process.
import boa  # noqa: E402, F401
import eth_account  # noqa: E402, F401
import pytest  # noqa: E402
import vyper.compiler  # noqa: E402

from tests.mutants.catalogue import Mutant, copy_sources, read_catalogue  # noqa: E402

UNIT = Path("tests/contracts/unit")
MOCKS = ROOT / "tests/contracts/mocks"
# In a process of its own: where the sources are is settled when the module is loaded.
COMPILE = """
import sys, types
root, *names = sys.argv[1:]
tests = types.ModuleType("tests")
tests.__path__ = [f"{root}/tests"]
sys.modules["tests"] = tests
from tests.contracts.driver.build import build
for name in names:
    build(name)
"""
PROCESSES = int(os.environ.get("MUTANTS_AT_ONCE", "2"))
CONTRACTS = ("Market", "MarketLens", "Staking", "Proofs", "Meter", "Audits")
# Views take most of the time, and show little that words, events and reasons do not.
QUICK_VIEWS = 40
AS_THEY_ARE = "sources"
KILLERS = ROOT / ".build" / "mutants" / "killers.json"
"""Which test killed a fault when it was tried last, by the fault's name."""
LIMIT = 3_600.0  # seconds for one fault, on a machine that does much else
OPTIONS = ["-x", "-q", "-p", "no:ape_test", "-p", "no:boa_test", "-p", "no:cacheprovider"]
# The size and the test tokens need Ape itself, and say nothing about the rules.
LEFT_OUT = ["-k", "not code_size"]
NEEDS_APE = UNIT / "test_contracts_testnet.py"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a fault: the test that killed it, or why none did."""

    mutant: Mutant | None
    killed_by: str
    note: str
    seconds: float


def run(mutant: Mutant | None, *, is_quick: bool) -> Verdict:
    """Test a faulty copy in this process, which is of no use afterwards.

    Quick: only the file that should notice, and views are compared now and then.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        copy_sources(root)
        if mutant is not None:
            if not mutant.is_applicable(root):
                return Verdict(mutant, "", "stale: the old text is not there once", 0)
            mutant.apply(root)
        os.environ["CONTRACTS_ROOT"] = folder
        silence(root / "output")
        from tests.contracts.driver.build import build  # noqa: PLC0415
        from tests.contracts.driver.world import World  # noqa: PLC0415
        from tests.mutants.in_process import InProcess  # noqa: PLC0415

        try:
            for name in CONTRACTS:
                build(name)
        except vyper.exceptions.VyperException as error:
            return Verdict(mutant, "", f"does not compile: {error.message}", 0)
        World.usual_views_every = QUICK_VIEWS if is_quick else 1
        files = [likely_file(mutant)] if mutant and is_quick else order_tests(mutant)
        plugin = InProcess(likely_tests(mutant) if mutant else [])
        code = pytest.main([*OPTIONS, *LEFT_OUT, *files], plugins=[plugin])
        note = "" if plugin.failed else f"{plugin.passed} tests passed"
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            note = (root / "output").read_text()[-2_000:]
        return Verdict(mutant, plugin.failed, note, time.monotonic() - began)


def silence(path: Path) -> None:
    """Send what the tests print into a file."""
    handle = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.dup2(handle, 1)
    os.dup2(handle, 2)


def order_tests(mutant: Mutant | None) -> list[str]:
    """List the test files, the likely killer first."""
    paths = [path.relative_to(ROOT) for path in (ROOT / UNIT).glob("test_*.py")]
    files = sorted(str(path) for path in paths if path != NEEDS_APE)
    likely = likely_file(mutant) if mutant else ""
    return sorted(files, key=lambda file: file != likely)


def likely_file(mutant: Mutant) -> str:
    """Name the test file that should notice a fault."""
    return str(UNIT / f"test_contracts_{mutant.killer}.py")


def likely_tests(mutant: Mutant) -> list[str]:
    """List the tests that killed this fault before, or others of its file, the deadliest first."""
    killers = read_killers()
    own = killers.pop(mutant.name, "")
    files = {other.name: other.file for other in read_catalogue()}
    deaths = Counter(test for name, test in killers.items() if files.get(name) == mutant.file)
    return [own, *(test for test, _ in deaths.most_common())]


def read_killers() -> dict[str, str]:
    """Read which test killed a fault last; nothing where none was tried."""
    if not KILLERS.exists():
        return {}
    found: dict[str, str] = json.loads(KILLERS.read_text(encoding="utf-8"))
    return found


def keep_killer(verdict: Verdict) -> None:
    """Remember which test it was."""
    KILLERS.parent.mkdir(parents=True, exist_ok=True)
    known = read_killers() | {verdict.mutant.name: verdict.killed_by}
    partial = KILLERS.with_suffix(".partial")
    partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
    partial.replace(KILLERS)


def compile_once() -> None:
    """Keep what the sources as they are compile to: a fault compiles only what it concerns."""
    names = [*CONTRACTS, "TestUSDC", "TestFLT", *(path.stem for path in MOCKS.glob("Mock*.vy"))]
    subprocess.run([sys.executable, "-c", COMPILE, str(ROOT), *names], check=True)


def try_all(
    pool: multiprocessing.pool.Pool, tasks: Sequence[Mutant | None], *, is_quick: bool
) -> Iterator[Verdict]:
    """Yield the verdicts in order; each is reached in a process of its own."""
    started = [pool.apply_async(run, (task,), {"is_quick": is_quick}) for task in tasks]
    for waiting in started:
        yield waiting.get(LIMIT * len(tasks))


def tell(verdict: Verdict) -> None:
    """Print a line."""
    word = "killed  " if verdict.killed_by else "SURVIVED"
    told, seconds = verdict.killed_by or verdict.note, verdict.seconds
    print(f"{word} {verdict.mutant.name:34} {seconds:4.0f} s  {told}", flush=True)
    if verdict.killed_by:
        keep_killer(verdict)


def choose(names: list[str]) -> list[Mutant]:
    """Return the faults of these names, or all; `NAME-`: all from that one on."""
    known = read_catalogue()
    places = {mutant.name: place for place, mutant in enumerate(known)}
    begins = [places[name[:-1]] for name in names if name.endswith("-")]
    if not names:
        return known
    return [m for m in known if m.name in names or any(places[m.name] >= b for b in begins)]


def main(names: list[str]) -> int:
    """Run the faults of these names, or all; 0 if every one was killed."""
    os.chdir(ROOT)
    chosen = choose(names)
    compile_once()
    began, survivors, sound = time.monotonic(), [], True
    context = multiprocessing.get_context("fork")
    with context.Pool(PROCESSES, maxtasksperchild=1) as pool:
        if not names or AS_THEY_ARE in names:
            for is_quick in (True, False):
                [verdict] = try_all(pool, [None], is_quick=is_quick)
                sound = sound and not verdict.killed_by
                print(f"as they are: {verdict.killed_by or verdict.note}", flush=True)
        left = []
        for verdict in try_all(pool, chosen, is_quick=True):
            if verdict.killed_by:
                tell(verdict)
            else:
                left.append(verdict.mutant)
                print(f"not yet  {verdict.mutant.name:34} {verdict.note}", flush=True)
        for verdict in try_all(pool, left, is_quick=False):
            tell(verdict)
            if not verdict.killed_by:
                survivors.append(verdict.mutant.name)
    spent = (time.monotonic() - began) / 60
    print(f"\n{len(chosen)} faults, {len(chosen) - len(survivors)} killed, {spent:.0f} minutes")
    print(f"survivors: {', '.join(survivors) or 'none'}")
    if not sound:
        print("the sources fail as they are: the kills above mean nothing")
    return 1 if survivors or not sound else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

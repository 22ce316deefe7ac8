"""`wasmarket test`: call the functions of an app as its tests say, on the real runtime."""

import asyncio
import json
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import httpx

from peer.runtime.errors import GuestFault
from peer.runtime.workers.pool import WorkerPool
from wasmarket.app.file import App
from wasmarket.client.home import Home
from wasmarket.kernel.errors import InvalidInput, MarketError
from wasmarket_cli.building.build import build_app
from wasmarket_cli.developer.apps.app_check import check_app
from wasmarket_cli.developer.apps.app_pool import open_pool
from wasmarket_cli.developer.apps.commands import open_code
from wasmarket_cli.developer.apps.fake_effects import FakeAnswers, FakeEffects
from wasmarket_cli.developer.arguments import parse_function
from wasmarket_cli.developer.site_messages import read_value, write_body
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_json, say, tell

FOLDER: Final = "tests"
REMEDY: Final = "docs/how-to/write-functions.md says what a test may have"
KEYS: Final = frozenset(
    {
        *("name", "call", "arguments", "arguments_json", "expect", "expect_json", "error", "logs"),
        *("max_ms", "max_fuel", "kv", "http", "secret", "request", "response"),
    }
)


class TestsFailed(MarketError):
    """Tests failed"""

    slug = "tests-failed"


@dataclass(frozen=True, slots=True)
class AppTest:
    """One call and what is expected of it; `kv`, `http` and `secret` are what effectors find."""

    file: Path
    name: str
    service: str
    function: str
    arguments: Any
    document: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Return its name and where it stands."""
        return f"{self.file.name}: {self.name}"


@dataclass(slots=True)
class TestOutcome:
    """How a test ended; no problems: as expected."""

    test: AppTest
    duration_us: int = 0
    fuel: int = 0
    problems: list[str] = field(default_factory=list)
    logs: Sequence[str] = ()


def read_tests(folder: Path) -> list[AppTest]:
    """Return the tests in `tests/*.toml` of an app's folder. Raises InvalidInput."""
    tests = []
    for file in sorted((folder / FOLDER).glob("*.toml")):
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"cannot read {file}: {error}", remedy=REMEDY) from error
        for index, entry in enumerate(document.get("test", [])):
            tests.append(_read_test(file, index, entry))
    if not tests:
        raise InvalidInput(f"there is no test in {folder / FOLDER}", remedy=REMEDY)
    return tests


def _read_test(file: Path, index: int, entry: Any) -> AppTest:
    where = f"{file}: test {index + 1}"
    if not isinstance(entry, dict) or not isinstance(entry.get("call"), str):
        raise InvalidInput(f"{where} has no call", remedy=REMEDY)
    for key in sorted(entry.keys() - KEYS):
        raise InvalidInput(
            f"{where} has no key {key!r}", remedy=f"it has {', '.join(sorted(KEYS))}"
        )
    for answer in entry.get("http", []):
        if not isinstance(answer, dict) or "url" not in answer:
            raise InvalidInput(f"{where}: an answer in http has no url", remedy=REMEDY)
    entry = {**entry, **_read_json(entry, where)}
    service, function = parse_function(entry["call"])
    name = str(entry.get("name", entry["call"]))
    return AppTest(file, name, service, function, entry.get("arguments", []), entry)


def _read_json(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the values that a test writes as JSON, which knows null, by their plain keys."""
    found = {}
    for key in ("arguments", "expect"):
        text = entry.get(f"{key}_json")
        if text is None:
            continue
        try:
            found[key] = json.loads(text)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{where}: {key}_json is not JSON: {error}") from error
    return found


class TestBench:
    """Runs tests on a pool, each with effectors that are filled anew."""

    def __init__(self, effects: FakeEffects) -> None:
        self._effects = effects

    async def run(self, pool: WorkerPool, test: AppTest) -> TestOutcome:
        """Run one test."""
        given = test.document
        fakes = FakeAnswers(given.get("http", []), given.get("kv", {}), given.get("secret", {}))
        await self._effects.fill(fakes)
        outcome = TestOutcome(test)
        error: GuestFault | None = None
        value: Any = None
        try:
            body, kind = write_body(test.document, test.arguments)
            given = {"init_peer_id": "", "service_id": test.service, "particle_id": test.name}
            result = await pool.call(test.service, test.function, body, kind, parameters=given)
            value = read_value(test.document, result.output)
            outcome.duration_us, outcome.fuel = result.duration_us, result.fuel
            outcome.logs = result.logs
        except GuestFault as fault:
            error = fault
            outcome.duration_us, outcome.fuel = fault.duration_us, fault.fuel
            outcome.logs = fault.logs
        except MarketError as raised:
            outcome.problems.append(raised.detail)
            return outcome
        outcome.problems += _compare(test.document, value, error, outcome)
        return outcome


def _compare(
    document: Mapping[str, Any], value: Any, error: GuestFault | None, outcome: TestOutcome
) -> list[str]:
    problems = []
    wanted = document.get("error")
    if error is not None and wanted != error.slug:
        problems.append(f"it failed with {error.slug}: {error.detail}")
    if error is None and wanted is not None:
        problems.append(f"expected {wanted}, it answered {json.dumps(value)}")
    if error is None and "expect" in document and document["expect"] != value:
        expected = json.dumps(document["expect"])
        problems.append(f"expected {expected}, it answered {json.dumps(value)}")
    for key, wanted_part in document.get("response", {}).items():
        if error is None and value.get(key) != wanted_part:
            problems.append(f"{key} is {value.get(key)!r}, not {wanted_part!r}")
    for text in document.get("logs", []):
        if not any(text in line for line in outcome.logs):
            problems.append(f"it did not log {text!r}")
    for limit, used, unit in (
        ("max_ms", outcome.duration_us / 1_000, "ms"),
        ("max_fuel", outcome.fuel, "fuel"),
    ):
        if limit in document and used > document[limit]:
            problems.append(f"it took {used:g} {unit}, more than {document[limit]}")
    return problems


async def run_tests(app: App, tests: Sequence[AppTest], code: Path) -> list[TestOutcome]:
    """Run tests one after another, each with effectors of its own."""
    with tempfile.TemporaryDirectory(prefix="wasmarket-") as name:
        folder = Path(name)
        async with httpx.AsyncClient(trust_env=False) as client:
            effects = FakeEffects(app, folder, client)
            bench = TestBench(effects)
            try:
                async with open_pool(
                    app, folder, code, folder / "storage", effects.open_effects
                ) as pool:
                    return [await bench.run(pool, test) for test in tests]
            finally:
                await effects.close()


@click.command()
@click.argument("app", type=click.Path(path_type=Path), default=".")
@json_option
@click.pass_context
def test(ctx: click.Context, app: Path, as_json: bool) -> None:
    """Build APP and run its `tests/*.toml` on the real runtime."""
    folder = app if app.is_dir() else app.parent
    tests = read_tests(folder)
    built = build_app(app, tell)
    check_app(built)
    home: Home = ctx.obj[0]
    with open_code(home) as code:
        outcomes = asyncio.run(run_tests(built, tests, code))
    failed = [outcome for outcome in outcomes if outcome.problems]
    if as_json:
        print_json(
            {
                "passed": len(outcomes) - len(failed),
                "failed": len(failed),
                "tests": [_describe(outcome) for outcome in outcomes],
            }
        )
    else:
        for outcome in outcomes:
            _show(outcome)
    if failed:
        raise TestsFailed(f"{len(failed)} of {len(outcomes)} tests failed")


def _describe(outcome: TestOutcome) -> dict[str, Any]:
    return {
        "file": outcome.test.file.name,
        "name": outcome.test.name,
        "problems": outcome.problems,
        "duration_us": outcome.duration_us,
        "fuel": outcome.fuel,
    }


def _show(outcome: TestOutcome) -> None:
    sign = "FAILED" if outcome.problems else "ok    "
    say(f"{sign} {outcome.test.title} ({outcome.duration_us / 1_000:.1f} ms)")
    for problem in outcome.problems:
        say(f"       {problem}")
    for line in outcome.logs if outcome.problems else ():
        say(f"       | {line}")

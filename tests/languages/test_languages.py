"""Functions in each language: one suite, on the real runtime, built by the real tools.

What is built and compiled is kept for the whole run, and by content for the next one.
"""

import asyncio
import base64
import os
import shutil
import time
from pathlib import Path

import pytest

from peer.runtime.components.check import plan_component
from tests.paths import CHECKOUT, MACHINE_CODE
from wasmarket.app.file import App
from wasmarket.testing import app
from wasmarket_cli.building.build import build_app, build_modules
from wasmarket_cli.building.recipes import COMPONENTS, LANGUAGES
from wasmarket_cli.building.tools import BuildFailed, MissingTool
from wasmarket_cli.developer.apps.app_check import check_app
from wasmarket_cli.developer.apps.app_tests import read_tests, run_tests
from wasmarket_cli.developer.apps.projects import build_project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
HERE = Path(__file__).parent
KEPT_SECONDS = 14 * 86_400
"""After which machine code that was kept is made anew."""
LARGE = b"a mebibyte" * ((1 << 20) // 10)
"""Of bytes for a function, which come as JSON here, in base64."""


def add_large_bytes(app: Path, call: str, sent: bytes, answered: bytes) -> None:
    """Add a test that a function takes so many bytes and answers with as many."""
    text = [base64.b64encode(data).decode() for data in (sent, answered)]
    (app / "tests" / "large.toml").write_text(
        f'[[test]]\nname = "a mebibyte"\ncall = "{call}"\n'
        f'arguments = ["{text[0]}"]\nexpect = "{text[1]}"\n'
    )


def lay(language: str, folder: Path) -> Path:
    """Copy the app of a language, with the suite as its tests."""
    app = folder / language
    shutil.copytree(HERE / language, app, ignore=shutil.ignore_patterns("build"))
    (app / "tests").mkdir()
    shutil.copy(HERE / "conformance.toml", app / "tests")
    return app


@pytest.fixture(autouse=True)
def compilers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find those that `make setup-debian` put beside this Python."""
    places = (CHECKOUT / ".tools" / "languages" / "bin", CHECKOUT / "tools/node_modules/.bin")
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, places), os.environ["PATH"]]))


@pytest.fixture(scope="module")
def code() -> Path:
    """Where machine code is kept."""
    MACHINE_CODE.mkdir(parents=True, exist_ok=True)
    for path in MACHINE_CODE.iterdir():
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            path.unlink()
    return MACHINE_CODE


@pytest.fixture(scope="module")
def build_suite(tmp_path_factory):
    """Builds the suite's app in a language, once."""
    made = {}

    def build(language: str) -> tuple[Path, App]:
        if language not in made:
            folder = lay(language, tmp_path_factory.mktemp("suite"))
            made[language] = (folder, build_app(folder, print))
        return made[language]

    return build


@pytest.mark.parametrize("language", ["python", "ts"])
def test_language__app_of_the_conformance_suite__is_built_as_a_peer_takes_it(build_suite, language):
    _, built = build_suite(language)

    check_app(built)


@pytest.mark.parametrize("language", ["python", "ts"])
def test_language__conformance_suite__passes(build_suite, code, language):
    app, built = build_suite(language)

    add_large_bytes(app, "app.keep", LARGE, LARGE)
    outcomes = asyncio.run(run_tests(built, read_tests(app), code))

    assert {outcome.test.name: outcome.problems for outcome in outcomes if outcome.problems} == {}
    assert len(outcomes) == 17


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - set(COMPONENTS)))
def test_raw_language__project_as_begun__builds_and_passes_its_tests(tmp_path, code, language):
    project = tmp_path / "shop"
    for path, text in build_project("shop", language, is_site=False).items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    with (project / "app.toml").open("a") as file:
        file.write("\n[limits]\ninput_bytes = 2097152\noutput_bytes = 2097152\n")
    try:
        built = build_app(project, print)
    except MissingTool as error:
        if language == "rust":
            raise
        pytest.skip(f"{error.detail}: {error.remedy}")

    check_app(built)
    add_large_bytes(project, "shop.upper", LARGE, LARGE.upper())
    outcomes = asyncio.run(run_tests(built, read_tests(project), code))

    assert [outcome.problems for outcome in outcomes] == [[], []]


def test_testing_app__of_a_component__has_its_hosts_store_and_log_in_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("WASMARKET_HOME", str(tmp_path / "home"))
    with app(lay("ts", tmp_path), kv={"given": "before"}) as running:
        running.answer("https://api.example.org/rate", "né", method="POST", status=202)
        fetched = running.call("app.fetch", "https://api.example.org/rate")
        running.call("app.say", "Guten Tag")
        logs = running.logs
        running.put("more", b"later")
        kept = [running.get(key) for key in ("given", "more", "nothing")]
        asked = running.requests

    assert fetched["ok"].startswith("202 ")
    assert any("Guten Tag" in line for line in logs)
    assert kept == [b"before", b"later", None]
    assert asked == ["POST https://api.example.org/rate"]


def test_build__the_same_sources_again__taken_from_before(tmp_path):
    app = lay("js", tmp_path)
    (first,) = build_modules(app)
    first.target.unlink()

    (second,) = build_modules(app)

    assert second.was_kept
    assert second.target.exists()


def test_javascript__types_in_comments__become_those_of_the_component(tmp_path):
    app = lay("js", tmp_path)
    (built,) = build_modules(app)

    interface = plan_component(built.target.read_bytes()).interface
    (function,) = interface.functions.values()

    assert function.name == "repeat"
    assert [part.name for part in function.parameters[0].type.fields] == [
        "text",
        "times_said",
        "tone",
        "names",
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(a):\n    pass\n", "app.py:1: f: the argument a has no annotation"),
        ("def f(a: int):\n    pass\n", "app.py:1: f: it has no annotation of what it returns"),
        ("\ndef f(a: set[int]) -> None:\n    pass\n", "app.py:2: f: set[int] has no type in WIT"),
        ("def f(*a: int) -> None:\n    pass\n", "must be a plain one"),
        ("import nothing_such\n", "app.py:1: ModuleNotFoundError: No module named"),
        ("def _f() -> None:\n    pass\n", "there is no public function"),
        ("def f(:\n", "app.py:1: SyntaxError"),
    ],
)
def test_python__that_cannot_be_an_app__refused_with_its_line(tmp_path, source, words):
    app = lay("python", tmp_path)
    (app / "app.py").write_text(source)

    with pytest.raises(BuildFailed) as refused:
        build_modules(app)

    assert words in refused.value.detail


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("export function f(a): void {}\n", "app.ts:1: f: the argument a has no type"),
        ("export function f(a: number) {}\n", "app.ts:1: f: say what it returns"),
        ("\nexport function f(a: Map<u8, u8>): void {}\n", "app.ts:2: there is no type Map"),
        ("export function f(a: bigint): void {}\n", "write s64"),
        ("export function f(a: number | string): void {}\n", "others have no type in WIT"),
        ("function f(): void {}\n", "there is no exported function"),
        ("export function f(: void {}\n", "app.ts:1: "),
    ],
)
def test_typescript__that_cannot_be_an_app__refused_with_its_line(tmp_path, source, words):
    app = lay("ts", tmp_path)
    (app / "app.ts").write_text(source)

    with pytest.raises(BuildFailed) as refused:
        build_modules(app)

    assert words in refused.value.detail


def test_build__without_the_compiler__names_the_package(tmp_path, monkeypatch):
    app = lay("js", tmp_path)
    monkeypatch.setattr("wasmarket_cli.building.javascript.PACKAGES", ("no-such-package",))

    with pytest.raises(MissingTool, match="npm package no-such-package is not installed"):
        build_modules(app)

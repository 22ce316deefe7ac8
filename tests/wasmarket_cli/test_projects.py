"""`wasmarket init`, and what `app.toml` may say of building."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from wasmarket.app.file import load_app
from wasmarket.kernel.errors import InvalidInput
from wasmarket_cli.building.recipes import LANGUAGES, read_recipes
from wasmarket_cli.building.wit_text import write_world
from wasmarket_cli.developer.apps.app_tests import read_tests
from wasmarket_cli.developer.apps.projects import build_project, init

pytestmark = pytest.mark.unit
APP = """name = "a"
[[service]]
name = "a"
abi = "{abi}"
total_memory_limit = 65536
[[service.module]]
name = "a"
path = "a.wasm"
build = {build}
"""


def lay(folder: Path, content: dict[str, str]) -> Path:
    for path, text in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.mark.parametrize("language", LANGUAGES)
def test_init__in_each_language__makes_an_app_with_source_and_tests(tmp_path, language):
    folder = lay(tmp_path, build_project("my-app", language, is_site=False))

    (recipe,) = read_recipes(folder)

    assert recipe.language == language
    assert {test.service for test in read_tests(folder)} == {"my_app"}
    assert "{{" not in "".join(path.read_text() for path in folder.rglob("*.toml"))


@pytest.mark.parametrize("language", ["python", "js", "ts"])
def test_init__a_site__names_its_function_in_a_trigger(tmp_path, language):
    folder = lay(tmp_path, build_project("shop", language, is_site=True))

    document = tomllib.loads((folder / "app.toml").read_text())

    assert document["trigger"] == [{"kind": "http", "service": "shop", "function": "answer"}]
    assert "answer" in (folder / read_recipes(folder)[0].source.name).read_text()


def test_init__a_folder_that_is_there__left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()

    result = CliRunner().invoke(init, ["shop"])

    assert "is there already" in str(result.exception)
    assert list((tmp_path / "shop").iterdir()) == []


def test_init__a_name_that_no_service_can_have__refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(init, ["../evil"])

    assert "is no name for an app" in str(result.exception)


@pytest.mark.parametrize(
    ("abi", "build", "words"),
    [
        ("component", '{ language = "cobol", source = "a.py" }', "language is 'cobol'"),
        ("component", '{ language = "python" }', "says no source"),
        ("raw", '{ language = "python", source = "a.py" }', "has abi = 'component'"),
        (
            "component",
            '{ language = "python", source = "a.py", sauce = 1 }',
            "build.sauce is not known",
        ),
        ("component", '{ language = "python", source = "b.py" }', "there is no"),
    ],
)
def test_recipe__with_a_mistake__named(tmp_path, abi, build, words):
    folder = lay(tmp_path, {"app.toml": APP.format(abi=abi, build=build), "a.py": ""})

    with pytest.raises(InvalidInput, match=words):
        read_recipes(folder)


@pytest.mark.parametrize(
    "text",
    ["service = 5", "service = [5]", "effectors = 5", "[service]", "[[service]]\nmodule = 5"],
)
def test_recipe__in_a_file_of_other_shapes__is_left_to_the_reader_of_the_app(tmp_path, text):
    folder = lay(tmp_path, {"app.toml": f'name = "a"\n{text}\n'})

    assert read_recipes(folder) == []
    with pytest.raises(InvalidInput):
        load_app(folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[test]]\nname = 'x'\n", "test 1 has no call"),
        ("[[test]]\ncall = 'a.b'\nexpekt = 1\n", "no key 'expekt'"),
        ("[[test]]\ncall = 'a.b'\narguments_json = '[1'\n", "arguments_json is not JSON"),
        ("[[test]]\ncall = 'a.b'\nhttp = [{}]\n", "has no url"),
        ("[[test\n", "cannot read"),
        ("", "there is no test"),
    ],
)
def test_tests__with_a_mistake__named(tmp_path, text, words):
    lay(tmp_path, {"tests/app.toml": text})

    with pytest.raises(InvalidInput, match=words):
        read_tests(tmp_path)


def test_world__names_that_are_words_of_wit__written_as_names():
    described = {
        "functions": [{"name": "list", "arguments": [["type", "string"]], "output": None}],
        "types": {"record": {"enum": ["flags"]}},
    }

    text = write_world(described, ("kv",))

    assert "export %list: func(%type: string);" in text
    assert "enum %record { %flags }" in text
    assert "import wasmarket:guest/kv@1.0.0;" in text

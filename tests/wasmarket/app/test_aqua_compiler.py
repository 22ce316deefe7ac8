"""Aqua files to scripts with their interfaces, by the real compiler."""

import shutil
from pathlib import Path

import pytest

from wasmarket.app.aqua.compiler import AquaFailed, CompiledAqua, compile_aqua, find_compiler
from wasmarket.kernel.errors import ConfigError, NotFound

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("node") is None, reason="needs Node"),
]

SOURCE = """aqua Test declares *

export pair, nothing

data Point:
  x: i32
  y: ?string

service Op("op"):
  noop()

func pair(n: u32, p: Point, tell: string -> ()) -> u32, []Point:
  tell("x")
  <- n, [p]

func nothing(a: string):
  Op.noop()
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledAqua:
    path = tmp_path_factory.mktemp("aqua") / "test.aqua"
    path.write_text(SOURCE)
    return compile_aqua(path, find_compiler(Path("/nowhere")))


def test_compile__functions__have_scripts_and_types(compiled):
    pair = compiled.find("pair")

    assert pair.script.startswith("(xor")
    assert pair.interface.arguments == (("n", "u32"), ("p", "Point"), ("tell", "string -> ()"))
    assert pair.interface.results == ("u32", "[]Point")
    assert pair.interface.records == {"Point": {"x": "i32", "y": "?string"}}


def test_compile__function_without_results__still_says_when_it_is_over(compiled):
    assert '("callbackSrv" "response") []' in compiled.find("nothing").script


def test_find__of_what_is_not_exported__names_what_is(compiled):
    with pytest.raises(NotFound) as raised:
        compiled.find("other")
    assert "pair" in (raised.value.remedy or "")


def test_compile__with_errors__names_line_and_column(tmp_path):
    path = tmp_path / "bad.aqua"
    path.write_text(SOURCE.replace("<- n, [p]", "<- m, [p]"))

    with pytest.raises(AquaFailed) as raised:
        compile_aqua(path, find_compiler(Path("/nowhere")))

    first = raised.value.detail.splitlines()[0]
    assert first == f"{path}:14:6"
    assert "Name 'm' isn't found" in raised.value.detail
    assert "\x1b" not in raised.value.detail


def test_compile__of_a_file_that_is_not_there__says_so(tmp_path):
    with pytest.raises(NotFound):
        compile_aqua(tmp_path / "none.aqua", Path("/nowhere"))


def test_compiler__that_is_not_installed__says_how(tmp_path, monkeypatch):
    monkeypatch.setattr("wasmarket.app.aqua.compiler.CHECKOUT", tmp_path)

    with pytest.raises(ConfigError) as raised:
        find_compiler(tmp_path)
    assert "npm install" in (raised.value.remedy or "")

"""Triggers that name what the app does not have are refused before anybody pays."""

from pathlib import Path

import pytest

from peer.runtime.errors import ModuleError
from tests.paths import CHECKOUT
from wasmarket.app.file import load_app
from wasmarket_cli.developer.apps.app_check import check_app

pytestmark = pytest.mark.unit
APP = """name = "a"
[[trigger]]
kind = "every"
seconds = 5
service = "greeting"
function = "{function}"
arguments = {arguments}
[[service]]
name = "greeting"
total_memory_limit = 16777216
[[service.module]]
name = "greeting"
path = "greeting.wasm"
"""


def lay(folder: Path, function: str, arguments: str) -> Path:
    wasm = (CHECKOUT / "examples" / "greeting" / "greeting.wasm").read_bytes()
    (folder / "greeting.wasm").write_bytes(wasm)
    (folder / "app.toml").write_text(APP.format(function=function, arguments=arguments))
    return folder


def test_event__whose_abi_does_not_fit_the_function__refused_with_what_it_would_get(tmp_path):
    folder = lay(tmp_path, "greeting", "[]")
    text = (folder / "app.toml").read_text()
    event = f'kind = "chain-event"\ncontract = "0x{"ab" * 20}"\nevent = "Paid(uint64 sum)"'
    (folder / "app.toml").write_text(text.replace('kind = "every"\nseconds = 5', event))

    with pytest.raises(ModuleError, match="expected string") as refused:
        check_app(load_app(folder))

    assert '{"sum": 0}' in str(refused.value.remedy)


def test_trigger__that_fits__accepted(tmp_path):
    app = load_app(lay(tmp_path, "greeting", '["Ada"]'))

    assert "greeting" in check_app(app)
    assert app.manifest.triggers[0].seconds == 5


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("greet", "[]", "names greeting.greet, which is not there"),
        ("greeting", "[]", "takes 1 arguments"),
        ("greeting", "[1]", "expected string"),
    ],
)
def test_trigger__that_does_not_fit__refused(tmp_path, function, arguments, words):
    with pytest.raises(ModuleError, match=words):
        check_app(load_app(lay(tmp_path, function, arguments)))

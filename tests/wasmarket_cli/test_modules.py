"""`wasmarket module`: what is said of a module, and how a raw one becomes a Marine one."""

import json
from pathlib import Path

import pytest

from wasmarket_cli.main import main

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parents[2] / "examples"
RAW = EXAMPLES / "raw-c" / "upper.wasm"


def test_inspect__marine_module__names_its_functions(capsys):
    assert main(["module", "inspect", str(EXAMPLES / "greeting" / "greeting.wasm"), "--json"]) == 0

    functions = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["functions"]}
    assert functions["greeting"]["output"] == "string"


def test_inspect__raw_module__only_when_said(capsys):
    assert main(["module", "inspect", str(RAW), "--raw", "--json"]) == 0
    assert main(["module", "inspect", str(RAW)]) != 0
    assert "not a Marine module" in capsys.readouterr().err


def test_embed__raw_module__is_a_marine_one(tmp_path, capsys):
    signatures, made = tmp_path / "signatures", tmp_path / "upper.wasm"
    signatures.write_text("upper(text: string) -> string\n")

    assert main(["module", "embed", str(RAW), str(signatures), "-o", str(made)]) == 0
    capsys.readouterr()
    assert main(["module", "inspect", str(made), "--json"]) == 0
    [function] = json.loads(capsys.readouterr().out)["functions"]
    assert function["arguments"] == [{"name": "text", "type": "string"}]


@pytest.mark.parametrize("signature", ["", "lower(text: string) -> string", "upper("])
def test_embed__bad_signature__writes_nothing(tmp_path, capsys, signature):
    signatures, made = tmp_path / "signatures", tmp_path / "upper.wasm"
    signatures.write_text(signature)

    assert main(["module", "embed", str(RAW), str(signatures), "-o", str(made)]) != 0
    assert not made.exists()
    assert "Traceback" not in capsys.readouterr().err

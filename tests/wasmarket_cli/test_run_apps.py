"""`wasmarket build` and `run`: apps with effectors on this machine, as a peer would run them."""

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from examples.build import EXAMPLES
from peer.runtime.errors import EffectorRefused
from wasmarket_cli.main import root

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
APP = EXAMPLES / "effectors"


def call(*arguments):
    return CliRunner().invoke(root, [str(argument) for argument in arguments])


def test_run__app_with_effectors__keeps_their_state_with_the_storage(tmp_path):
    kept = tmp_path / "kept"
    owner = os.geteuid()

    first = call("run", APP, "effectors.remember", "tea", "green", "--storage", kept)
    published = call("run", APP, "effectors.publish", "text", "--storage", kept)
    recalled = call("run", APP, "effectors.recall", "tea", "--storage", kept)
    read = call("run", APP, "effectors.read", published.output.strip(), "--storage", kept)

    assert [first.exit_code, recalled.output, read.output] == [0, "green\n", "text\n"]
    assert {path.stat().st_uid for path in (kept, *kept.rglob("*"))} == {owner}


def test_run__private_host_that_is_not_trusted__is_out_of_reach():
    answer = call("run", APP, "effectors.fetch", "http://localhost:8090/", "--json")

    assert "not public" in json.loads(answer.output)["result"]["error"]


def test_build__module_that_imports_what_the_app_does_not_list__says_what_a_peer_would(tmp_path):
    folder = Path(shutil.copytree(APP, tmp_path / "app"))
    file = folder / "app.toml"
    file.write_text(file.read_text().replace("[effectors.kv]", ""))

    built, refused = call("build", APP), call("build", folder)

    assert built.exit_code == 0
    assert isinstance(refused.exception, EffectorRefused)
    assert "does not ask for the effector kv" in refused.exception.detail
    assert refused.exception.remedy == "add 'kv' to `effectors` in the manifest"


def test_inspect__module_with_effectors__names_them():
    answer = call("module", "inspect", APP / "effectors.wasm", "--json")

    assert json.loads(answer.output)["effectors"] == ["http", "ipfs", "kv"]

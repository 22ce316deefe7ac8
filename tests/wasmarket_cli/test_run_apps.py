"""`wasmarket build` and `run`: apps with effectors on this machine, as a peer would run them."""

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from examples.build import EXAMPLES
from peer.runtime.errors import EffectorRefused
from tests.peer.runtime.guests import build_guest
from wasmarket_cli.main import main, root

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
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


PANIC = "thread '<unnamed>' panicked at 'on purpose', src/lib.rs:1:1"
PANICS = build_guest(
    f"""(data (i32.const 64) "{PANIC}\\0a")
    (func (export "panics")
      i32.const 0 i32.const 64 i32.store i32.const 4 i32.const {len(PANIC) + 1} i32.store
      i32.const 2 i32.const 0 i32.const 1 i32.const 8 call $write drop unreachable)
    (func (export "ok") (result i32) i32.const 7)""",
    "panics()",
    "ok() -> u32",
    imports="""(import "wasi_snapshot_preview1" "fd_write"
      (func $write (param i32 i32 i32 i32) (result i32)))""",
)
PANICKING_APP = """
name = "panicking"
[[service]]
name = "s"
total_memory_limit = 1048576
[[service.module]]
name = "m"
path = "m.wasm"
"""


@pytest.fixture
def panicking(tmp_path):
    folder = tmp_path / "panicking"
    folder.mkdir()
    (folder / "m.wasm").write_bytes(PANICS)
    (folder / "app.toml").write_text(PANICKING_APP)
    return folder


def test_run__function_that_panics__prints_its_message_and_names_no_deal(
    panicking, tmp_path, capsys
):
    code = main(["--home", str(tmp_path / "home"), "run", str(panicking), "s.panics"])

    printed = capsys.readouterr().err
    assert code == 1
    assert f"stderr: {PANIC}" in printed
    assert "the function trapped: it aborted" in printed
    assert "DEAL" not in printed


def test_run__arguments_that_do_not_fit__names_no_deal(panicking, tmp_path, capsys):
    main(["--home", str(tmp_path / "home"), "run", str(panicking), "s.ok", "5"])

    printed = capsys.readouterr().err
    assert "takes 0 arguments" in printed
    assert "/deals/" not in printed


def test_run__module_that_ran_before__is_not_compiled_again(panicking, tmp_path):
    home = tmp_path / "home"

    first = call("--home", home, "run", panicking, "s.ok")
    compiled = {path.name: path.stat().st_ino for path in (home / "code").iterdir()}
    second = call("--home", home, "run", panicking, "s.ok")

    assert [first.output, second.output] == ["7\n", "7\n"]
    assert {path.suffix for path in (home / "code").iterdir()} == {".cwasm", ".sha256"}
    assert {path.name: path.stat().st_ino for path in (home / "code").iterdir()} == compiled


def test_run__home_that_cannot_be_made__still_answers(panicking, tmp_path):
    (tmp_path / "file").write_text("no folder")

    assert call("--home", tmp_path / "file" / "home", "run", panicking, "s.ok").output == "7\n"

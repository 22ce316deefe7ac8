"""Settings of an app: in the manifest, in every module's environment, other ones for one deal."""

from pathlib import Path

import pytest

from peer.hosting.versions import build_spec
from tests.paths import CHECKOUT
from wasmarket.app.file import load_app, override_settings
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.hashing import sha256
from wasmarket_cli.developer.settings import parse_settings

pytestmark = pytest.mark.unit
APP = """name = "a"
[settings]
LEVEL = "info"
CURRENCY = "EUR"
[[service]]
name = "greeting"
total_memory_limit = 16777216
[[service.module]]
name = "greeting"
path = "greeting.wasm"
envs = { OWN = "1"%s }
"""


def lay(folder, more=""):
    wasm = (CHECKOUT / "examples" / "greeting" / "greeting.wasm").read_bytes()
    (folder / "greeting.wasm").write_bytes(wasm)
    (folder / "app.toml").write_text(APP % more)
    return load_app(folder)


def find_envs(app):
    """Return the environment of the one module, as a worker gives it to the guest."""
    manifest = app.manifest
    files = {cid: (Path(), sha256(b"")) for cid in manifest.module_cids}
    spec = build_spec(
        manifest.services[0], manifest.limits, files, Path(), manifest.effectors, manifest.settings
    )
    return spec.facade.envs


def test_settings__of_an_app__are_in_every_modules_environment_beside_its_own(tmp_path):
    app = lay(tmp_path)

    assert find_envs(app) == {"LEVEL": "info", "CURRENCY": "EUR", "OWN": "1"}


def test_override__for_one_deal__is_another_app_with_the_same_modules(tmp_path):
    app = lay(tmp_path)

    changed = override_settings(app, parse_settings(("LEVEL=debug=all",)))

    assert changed.cid != app.cid
    assert changed.manifest.module_cids == app.manifest.module_cids
    assert find_envs(changed)["LEVEL"] == "debug=all"
    assert override_settings(app, {}).cid == app.cid


def test_app_without_settings__keeps_its_id(tmp_path):
    app = lay(tmp_path)
    (tmp_path / "app.toml").write_text(
        (APP % "").replace('[settings]\nLEVEL = "info"\nCURRENCY = "EUR"\n', "")
    )

    block = load_app(tmp_path).get(load_app(tmp_path).cid)

    assert b'"settings"' in app.get(app.cid)
    assert b'"settings"' not in block


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("LEVLE=x",), "did you mean 'LEVEL'?"),
        (("NOTHING_LIKE_IT=x",), "it has CURRENCY, LEVEL"),
        (("LEVEL",), "is no NAME=VALUE"),
        (("=x",), "is no NAME=VALUE"),
        (("LEVEL=a", "LEVEL=b"), "comes a second time"),
        (("LEVEL=a\0b",), "a string without NUL"),
    ],
)
def test_override__with_a_mistake__says_what_is_known(tmp_path, given, words):
    with pytest.raises(InvalidInput) as refused:
        override_settings(lay(tmp_path), parse_settings(given))

    assert words in f"{refused.value.detail} {refused.value.remedy}"


def test_setting__that_a_modules_own_environment_has_too__is_refused_with_both(tmp_path):
    with pytest.raises(InvalidInput, match=r"settings\.LEVEL is also .* of greeting/greeting"):
        lay(tmp_path, ', LEVEL = "x"')

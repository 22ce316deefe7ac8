"""Settings of an app: in the manifest, in every module's environment, other ones for one deal."""

import json
from pathlib import Path

import pytest

from peer.hosting.versions import build_spec
from tests.paths import CHECKOUT
from wasmarket.app.file import load_app
from wasmarket.app.overrides import keep_values, limit_fuel, override_settings
from wasmarket.kernel.documents.manifest import parse_manifest, read_manifest
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


def test_new_version__of_a_deal_with_values_of_its_own__keeps_them_unless_given_anew(tmp_path):
    app = lay(tmp_path)
    deal = limit_fuel(override_settings(app, {"LEVEL": "debug", "CURRENCY": "USD"}), 9)
    later = override_settings(app, {"CURRENCY": "CHF"})

    kept = keep_values(later, parse_manifest(deal.get(deal.cid)))

    assert kept.app.manifest.settings == {"LEVEL": "debug", "CURRENCY": "CHF"}
    assert kept.app.manifest.limits.fuel == 9
    assert dict(kept.kept) == {"settings.LEVEL": "debug", "limits.fuel": "9"}
    again = keep_values(app, kept.app.manifest).app.manifest
    assert again.settings == {"LEVEL": "debug", "CURRENCY": "CHF"}


def test_new_version__of_a_deal_without_values_of_its_own__takes_those_of_app_toml(tmp_path):
    before = lay(tmp_path).manifest
    (tmp_path / "app.toml").write_text((APP % "").replace('"info"', '"warning"'))
    later = load_app(tmp_path)

    kept = keep_values(later, before)

    assert kept.app.cid == later.cid
    assert (dict(kept.kept), kept.gone) == ({}, ())


def test_new_version__without_a_setting_that_the_deal_was_given__says_that_it_is_gone(tmp_path):
    before = override_settings(lay(tmp_path), {"LEVEL": "debug"}).manifest
    (tmp_path / "app.toml").write_text((APP % "").replace('LEVEL = "info"\n', ""))

    kept = keep_values(load_app(tmp_path), before)

    assert kept.gone == ("settings.LEVEL",)
    assert kept.app.manifest.settings == {"CURRENCY": "EUR"}


@pytest.mark.parametrize(
    "overrides",
    [["settings.NOWHERE"], ["limits.fuel"], [{}], ["settings.LEVEL", "settings.LEVEL"], "x"],
)
def test_manifest__that_says_what_it_does_not_have_was_given__is_refused(tmp_path, overrides):
    app = lay(tmp_path)
    document = json.loads(app.get(app.cid)) | {"overrides": overrides}

    with pytest.raises(InvalidInput, match="overrides"):
        read_manifest(document)

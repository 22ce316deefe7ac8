"""`build` and `deploy` refuse a site whose function cannot take a message and give one."""

import shutil

import pytest

from peer.runtime.errors import ModuleError
from tests.paths import CHECKOUT
from wasmarket.app.file import load_app
from wasmarket_cli.developer.apps.app_check import check_app

pytestmark = pytest.mark.unit


@pytest.fixture
def site(tmp_path):
    """Return the example site with another function named by its trigger."""

    def change(function):
        folder = tmp_path / "site"
        shutil.copytree(CHECKOUT / "examples" / "site", folder)
        file = folder / "app.toml"
        file.write_text(file.read_text().replace('function = "answer"', f'function = "{function}"'))
        return load_app(folder)

    return change


def test_check_app__site_whose_function_takes_a_message__is_fine(site):
    check_app(site("answer"))


@pytest.mark.parametrize(
    ("function", "why"), [("nothing", "not there"), ("health", "from bytes to bytes")]
)
def test_check_app__site_whose_function_does_not_fit__says_why(site, function, why):
    with pytest.raises(ModuleError, match=why):
        check_app(site(function))

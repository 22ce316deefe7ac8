"""`wasmarket.testing.app`: an app in a test, on real workers, with effectors of the test's own."""

import pytest

from tests.paths import CHECKOUT
from wasmarket.kernel.errors import InvalidInput, MarketError
from wasmarket.testing import app

pytestmark = pytest.mark.e2e

EXAMPLES = CHECKOUT / "examples"


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("WASMARKET_HOME", str(tmp_path_factory.getbasetemp() / "home"))


def test_app__called_by_position_and_by_name__answers_and_tells_what_it_logged():
    with app(EXAMPLES / "greeting") as greeting:
        assert greeting.call("greeting.add", 2, 3) == 5
        assert greeting.call("greeting.add", a=2, b=3) == 5
        assert greeting.call("greeting.greeting", "Ada") == "Hi, Ada"
        assert greeting.logs == ["info: greeting Ada"]
        assert greeting.duration_us > 0
        with pytest.raises(MarketError, match="expected string"):
            greeting.call("greeting.greeting", 7)
        with pytest.raises(InvalidInput, match="by position or by name"):
            greeting.call("greeting.add", 2, b=3)
        with pytest.raises(InvalidInput, match="no site"):
            greeting.visit("/")


def test_site__visited__answers_with_status_headers_and_body():
    with app(EXAMPLES / "site") as site:
        page = site.visit("/")

    assert page["status"] == 200
    assert "<h1>" in page["body"]

"""A whole site through the gateway, as a browser visits it: pages, a form, a cookie, big bodies."""

import os
import re

import httpx
import pytest

from tests.e2e.market_driver import EXAMPLES
from wasmarket.app.file import load_app

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def site(market):
    """A browser at the example site's first page."""
    deal = market.deploy(load_app(EXAMPLES / "site"), only="alpha")
    url = f"{market.client().gateway.url}/{deal}/"
    with httpx.Client(base_url=url, follow_redirects=True, timeout=120) as browser:
        yield browser


def test_site__visited__pages_style_and_links_work(site):
    page = site.get("")
    style = re.search(r'href="([^"]+)"', page.text)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Hello, stranger" in page.text
    assert page.headers["wasmarket-receipt"]
    assert style
    assert site.get(str(page.url.join(style[1]))).headers["cache-control"] == "max-age=3600"


def test_site__form__is_kept_and_the_visitor_remembered(site):
    written = site.post("notes", data={"note": "<b>1 & 1</b>", "by": "Ada"})

    assert [answer.status_code for answer in (*written.history, written)] == [303, 200]
    assert "Hello, Ada" in written.text
    assert "<li>&lt;b&gt;1 &amp; 1&lt;/b&gt;</li>" in written.text
    cookies = [(cookie.name, cookie.value, cookie.path) for cookie in site.cookies.jar]
    assert cookies == [("name", "Ada", site.base_url.path)]
    assert "<b>1 & 1</b>" in site.get("notes.json").json()


def test_site__methods_and_statuses__are_the_functions(site):
    allowed = {"Origin": "https://x.example", "Access-Control-Request-Method": "GET"}

    assert site.get("nowhere").status_code == 404
    assert site.delete("notes").status_code == 405
    assert site.post("notes", data={"note": ""}).status_code == 422
    head = site.head("style.css")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(site.get("style.css").content)
    preflight = site.options("notes.json", headers=allowed)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_site__bytes_of_any_size__come_back(site, size):
    body = os.urandom(size)

    def parts():
        for start in range(0, size, 65_536):
            yield body[start : start + 65_536]

    answer = site.put("echo", content=parts())

    assert answer.status_code == 200
    assert answer.content == body
    assert answer.headers["content-length"] == str(size)


def test_site__more_than_the_app_takes__is_refused(site):
    answer = site.put("echo", content=b"x" * 8_400_000)

    assert (answer.status_code, answer.json()["type"]) == (413, "urn:wasmarket:too-large")

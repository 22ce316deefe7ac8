"""How services hand out the explorer: files with tags, one page for all its addresses, a policy."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from wasmarket.kernel.errors import ConfigError
from wasmarket.serving.explorer.files import load_site
from wasmarket.serving.explorer.routes import ExplorerSettings, explorer_routes
from wasmarket.serving.problems import add_problem_handlers
from wasmarket.testing.fake_chain import fake_deployment

pytestmark = pytest.mark.unit

MATCHER = "https://matcher.example.org"


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "explorer.js").write_text("start()")
    return load_site(tmp_path)


def ask(site, path, *, headers=None, **settings):
    app = FastAPI()
    add_problem_handlers(app)
    app.include_router(
        explorer_routes(site, ExplorerSettings("gateway", fake_deployment(), **settings))
    )
    transport = httpx.ASGITransport(app)

    async def send():
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(f"/explorer{path}", headers=headers)

    return asyncio.run(send())


@pytest.mark.parametrize("path", ["/", "/deals/1", "/search?q=a.b"])
def test_page__any_address_of_its_own__is_the_same_page(site, path):
    answer = ask(site, path)

    assert (answer.status_code, answer.text) == (200, "<!doctype html>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_page__its_policy__lets_it_ask_only_the_services_that_are_set(site):
    policy = ask(site, "/", matcher=f"{MATCHER}/behind/a/path").headers["content-security-policy"]

    assert f"connect-src 'self' {MATCHER};" in policy
    assert "default-src 'none'" in policy
    assert "'unsafe" not in policy


def test_settings__payment_gateway__is_named_to_lead_to_and_not_to_be_asked(site):
    pay = "https://pay.example.org/shop/"
    found = ask(site, "/config.json", payments=pay)

    assert found.json()["payments"] == "https://pay.example.org/shop"
    assert "pay.example.org" not in found.headers["content-security-policy"]
    with pytest.raises(ConfigError):
        ask(site, "/config.json", payments="javascript:alert(1)")


def test_file__known_by_its_tag__is_not_sent_again(site):
    first = ask(site, "/explorer.js")
    again = ask(
        site, "/explorer.js", headers={"If-None-Match": f'"other", {first.headers["etag"]}'}
    )

    assert first.text == "start()"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_file__to_who_takes_gzip__comes_packed(site):
    packed = ask(site, "/explorer.js", headers={"Accept-Encoding": "br, gzip"})
    plain = ask(site, "/explorer.js", headers={"Accept-Encoding": "gzip;q=0"})

    assert (packed.headers["content-encoding"], packed.text) == ("gzip", "start()")
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_file__missing__is_named_and_what_was_not_built_says_how(site):
    missing, unbuilt = ask(site, "/other.js"), ask({}, "/")

    assert (missing.status_code, unbuilt.status_code) == (404, 404)
    assert "other.js" in missing.json()["detail"]
    assert "make setup" in unbuilt.json()["remedy"]


def test_settings__say_where_the_market_is(site):
    said = ask(site, "/config.json", matcher=MATCHER + "/").json()

    assert (said["matcher"], said["gateway"]) == (MATCHER, "")
    assert said["deployment"]["contracts"]["Market"]["address"] == fake_deployment().market


@pytest.mark.parametrize("url", ["matcher:8600", "ftp://a", "https://a; script-src *", "https://"])
def test_settings__no_url_of_a_service__are_refused_at_the_start(site, url):
    with pytest.raises(ConfigError):
        explorer_routes(site, ExplorerSettings("gateway", fake_deployment(), matcher=url))


def test_load_site__nothing_built__is_empty(tmp_path):
    assert load_site(tmp_path) == {}
    assert load_site(tmp_path / "missing") == {}

"""Proxies of the environment: loopback stays direct, what cannot be used is said clearly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.errors import ConfigError
from wasmarket.serving.outgoing.proxies import choose_proxy, is_loopback, without_loopback_proxies

pytestmark = pytest.mark.unit

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
SOCKS = "socks5://user:secret@proxy.example:1080"
WEB = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1",
        "127.8.9.10",
        "127.1",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
        "0.0.0.0",
    ],
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("value", [SOCKS, WEB, "ftp://x", "nonsense:"])
def test_choose_proxy__loopback__is_always_direct(host, variable, value):
    assert is_loopback(host)
    assert choose_proxy("http", host, 8545, {variable: value}) is None


@pytest.mark.parametrize("host", ["node.example", "10.0.0.1", "localhost.example", "2001:db8::1"])
def test_choose_proxy__another_host__goes_through_it(host):
    assert choose_proxy("http", host, 80, {"HTTP_PROXY": "proxy.example:1"}) == (
        "http://proxy.example:1"
    )
    assert choose_proxy("https", host, 443, {"HTTP_PROXY": WEB}) is None
    assert choose_proxy("https", host, 443, {"ALL_PROXY": WEB}) == WEB


@pytest.mark.parametrize(
    ("excluded", "host", "is_direct"),
    [
        ("*", "node.example", True),
        ("example", "node.example", True),
        (".example", "node.example", True),
        ("other.example", "node.example", False),
        ("node.example:8545", "node.example", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("2001:db8::/32", "2001:db8::1", True),
    ],
)
def test_choose_proxy__no_proxy__is_honoured(excluded, host, is_direct):
    chosen = choose_proxy("http", host, 8545, {"ALL_PROXY": WEB, "NO_PROXY": excluded})

    assert (chosen is None) == is_direct


@pytest.mark.parametrize("value", [SOCKS, "socks4://x:1", "ftp://x:1", "http://", "http://x:bad"])
def test_choose_proxy__cannot_be_used__says_which_variable_and_keeps_its_password(value):
    with pytest.raises(ConfigError) as caught:
        choose_proxy("https", "node.example", 443, {"ALL_PROXY": value})

    assert "ALL_PROXY" in caught.value.detail
    assert "NO_PROXY" in caught.value.remedy
    assert "secret" not in str(caught.value) + str(caught.value.remedy)


@given(st.text(max_size=30), st.text(max_size=30))
def test_choose_proxy__any_text__is_a_url_or_a_clear_error(value, host):
    try:
        chosen = choose_proxy("http", host, 80, {"http_proxy": value})
    except ConfigError:
        return
    assert chosen is None or "://" in chosen


def test_without_loopback_proxies__other_programs__leave_loopback_alone():
    environ = without_loopback_proxies({"HTTP_PROXY": WEB, "NO_PROXY": "a.example", "X": "1"})

    assert environ["no_proxy"] == environ["NO_PROXY"] == "a.example,localhost,127.0.0.1,::1"
    assert (environ["HTTP_PROXY"], environ["X"]) == (WEB, "1")


def test_rpc__node_elsewhere_and_a_socks_proxy__raises_config_error(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", SOCKS)

    with Rpc("http://node.example:8545", retries=0) as rpc, pytest.raises(ConfigError):
        rpc.fetch_chain_id()

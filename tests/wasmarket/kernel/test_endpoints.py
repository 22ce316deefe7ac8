"""Endpoints of peers: what may be registered, and which two are the same place."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmarket.kernel.endpoints import parse_endpoint, same_endpoint
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:8610", "http://127.0.0.1:8610"),
        ("https://Peer.Example/", "https://peer.example"),
        ("HTTPS://peer.example:443/p/", "https://peer.example/p"),
        ("http://peer.example.:80", "http://peer.example"),
        ("http://[::1]:8610", "http://[::1]:8610"),
        ("http://[0:0::1]", "http://[::1]"),
    ],
)
def test_parse_endpoint__url_of_a_host__has_one_spelling(text, expected):
    assert parse_endpoint(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "foo",
        "foo.example",
        "ftp://peer.example",
        "http://",
        "http:///path",
        "http://user@peer.example",
        "http://user:secret@peer.example",
        "http://peer.example?x=1",
        "http://peer.example/?",
        "http://peer.example#top",
        "http://peer.example:0",
        "http://peer.example:65536",
        "http://peer.example:http",
        "http://peer example",
        "http://peer.example/\x1b[2J",
        "http://pe\u202eer.example",
        "http://-peer.example",
        "http://[::1",
        "http://" + "a" * 200,
    ],
)
def test_parse_endpoint__anything_else__is_refused_with_a_remedy(text):
    with pytest.raises(InvalidInput) as caught:
        parse_endpoint(text)

    assert (caught.value.field, bool(caught.value.remedy)) == ("endpoint", True)


@given(st.text(max_size=140))
def test_parse_endpoint__any_text__is_refused_or_spelt_once_and_for_all(text):
    try:
        spelt = parse_endpoint(text)
    except InvalidInput:
        return
    assert parse_endpoint(spelt) == spelt


@given(st.from_regex(r"https?://[a-zA-Z0-9.:\[\]@?#/-]{1,40}", fullmatch=True))
def test_parse_endpoint__any_url__names_no_user_query_or_fragment(text):
    try:
        spelt = parse_endpoint(text)
    except InvalidInput:
        return
    assert not set(spelt) & set("?#")
    assert "@" not in urlsplit(spelt).netloc


def test_same_endpoint__another_spelling_of_it__is_the_same():
    assert same_endpoint("http://Peer.example:80/", "http://peer.example")
    assert not same_endpoint("http://peer.example:81", "http://peer.example")
    assert same_endpoint("foo", "foo")
    assert not same_endpoint("foo", "http://peer.example")

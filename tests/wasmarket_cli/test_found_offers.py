"""`wasmarket offer cancel`: whose an offer is, as far as the matcher can say."""

from types import SimpleNamespace

import pytest

from wasmarket.kernel.errors import NotFound, Unreachable
from wasmarket_cli.provider.offers import _find

pytestmark = pytest.mark.unit
HASH = "0x" + "11" * 32
ASK, BID = f"/v1/provider-offers/{HASH}", f"/v1/developer-offers/{HASH}"


def find(**answers):
    """Ask a matcher that knows these paths; others it does not know."""
    known = {ASK: answers.get("ask"), BID: answers.get("bid"), "/v1/peers/3": {"provider": "0xaa"}}

    def get(path):
        if isinstance(known[path], Exception):
            raise known[path]
        if known[path] is None:
            raise NotFound("no such offer")
        return known[path]

    return _find(SimpleNamespace(matcher=SimpleNamespace(get=get)), HASH)


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"ask": {"offer": {"peer": 3}}}, (ASK, "0xaa")),
        ({"bid": {"offer": {"developer": "0xbb"}}}, (BID, "0xbb")),
        ({}, None),
        ({"ask": Unreachable("away")}, None),
        ({"bid": Unreachable("away")}, None),
    ],
)
def test_find__says_where_an_offer_is_and_whose(answers, found):
    assert find(**answers) == found

"""Which version a peer serves, as it says itself."""

import httpx
import pytest

import wasmarket
from wasmarket.client.developer import DeveloperClient, ServedVersion

pytestmark = pytest.mark.unit

OLD, NEW = "0x" + "ab" * 32, "0x" + "cd" * 32


def ask(tmp_path, said):
    """Return the versions that one peer of a deal serves, whose answer is `said`."""

    def answer(request):
        if request.url.port == 8600:
            return httpx.Response(200, json={"assignments": [{"peer": 3, "state": "active"}]})
        assert request.headers["Wasmarket-Peer"] == "3"
        return httpx.Response(200, json=said)

    market = wasmarket.connect(home=tmp_path, environ={})
    market.wiring.__dict__["http"] = httpx.Client(transport=httpx.MockTransport(answer))
    return DeveloperClient(market.wiring).served_versions(1)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ({"app": OLD, "update": None}, ServedVersion(3, OLD)),
        (
            {"app": OLD, "update": {"app": NEW, "state": "failed", "detail": "no health"}},
            ServedVersion(3, OLD, NEW, "no health"),
        ),
        ({"app": 5, "update": None}, ServedVersion(3, None)),
        ({}, ServedVersion(3, None)),
    ],
)
def test_served_versions__answer_of_a_peer__is_read(tmp_path, said, version):
    assert ask(tmp_path, said) == [version]

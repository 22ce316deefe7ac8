"""The gateway's API, fuzzed against its own OpenAPI page in front of a peer that answers."""

import httpx
import pytest

from tests.gateway.peers import DEAL, FakeDirectory, ScriptedGateway, route
from tests.wasmarket.serving.fuzzing import fuzz, list_operations, load_page

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def gateway():
    """A gateway whose one peer answers everything, and whose chain has a time."""
    # A page cannot say how large a body may be: none that is made here is too large.
    gateway = ScriptedGateway(
        FakeDirectory(route(1, deal=DEAL)), patience_seconds=0.0, max_body_bytes=1 << 20
    )
    gateway.peers.scripts[1] = answer
    return gateway


def answer(request):
    path = request.url.path
    if path.endswith("/logs"):
        return httpx.Response(
            200, content=b"{}\n", headers={"content-type": "application/x-ndjson"}
        )
    return httpx.Response(404 if path.startswith("/ipfs/") else 200, json={"result": 1})


@pytest.fixture(scope="module")
def page(gateway):
    return load_page(gateway.app)


LEFT_OUT = ("/{name}/{path}",)
"""What a site answers is its own affair."""
OPERATIONS = [(path, method) for path, method in list_operations("gateway") if path not in LEFT_OUT]


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda part: part.replace("/", "-"))
def test_api__whatever_is_asked__is_answered_as_the_page_says(page, path, method):
    fuzz(page, path, method, known={"deal": DEAL}, may_refuse=lambda _: True)

"""A whole gateway's content, against the table of the trustless gateway specification."""

import httpx
import pytest

from tests.gateway.test_gateway_app import WholeGateway
from tests.wasmarket.content.conftest import InProcess
from tests.wasmarket.content.trustless.asking import check_case
from tests.wasmarket.content.trustless.specification import CASES, Content, fill
from wasmarket.content.folder import BlockFolder

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return BlockFolder(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
def content(folder):
    return Content(folder)


@pytest.fixture(scope="module", params=[(), ("*",), ("https://a.example",)])
def client(request, folder):
    app = WholeGateway(folder.root, cors_origins=request.param).app
    with httpx.Client(transport=InProcess(app), base_url="http://gateway") as client:
        yield client


def test_gateway__each_line_of_the_specification__is_kept(client, content):
    for case in CASES:
        check_case(client, case, content)


def test_gateway__content_for_a_page_of_any_origin__has_one_origin_header(client, content):
    for path in ("/ipfs/{raw}?format=raw", "/ipfs/{missing}?format=raw", "/ipfs/nonsense"):
        url = fill(path, content)
        answers = [
            client.get(url, headers={"Origin": "https://b.example"}),
            client.options(
                url,
                headers={"Origin": "https://b.example", "Access-Control-Request-Method": "GET"},
            ),
        ]
        for answer in answers:
            assert answer.headers.get_list("access-control-allow-origin") == ["*"]

"""A peer's content over sockets, against the table of the trustless gateway specification."""

import httpx
import pytest

from tests.wasmarket.content.trustless.asking import check_case
from tests.wasmarket.content.trustless.specification import CASES, Content, fill

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]


def test_peer__each_line_of_the_specification__is_kept(peer):
    content = Content(peer.blocks)

    with httpx.Client(base_url=peer.url, trust_env=False) as client:
        for case in CASES:
            check_case(client, case, content)
        routing = client.get(fill("/routing/v1/providers/{raw_z}", content))

    assert routing.headers["access-control-allow-origin"] == "*"
    [provider] = routing.json()["Providers"]
    assert provider["Protocols"] == ["transport-ipfs-gateway-http"]

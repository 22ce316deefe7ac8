"""A signed call is answered once: whichever gateway brings it, and whatever restarts meanwhile."""

import httpx
import pytest

from tests.peer.peer_runner import GREETING, publish
from tests.peer.real_gateway import RealGateway

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

BODY = b'["you"]'


@pytest.fixture(scope="module")
def peers(make_module_peer):
    runners = make_module_peer(), make_module_peer()
    for runner in runners:
        runner.start()
    return runners


@pytest.fixture(scope="module")
def deal(world, peers):
    """A deal on both peers that only its developer may call."""
    for runner in peers:
        app = publish(runner.blocks, GREETING.read_bytes())
    number = world.match(app, [runner.number for runner in peers]).deal
    document = b'{"version": 1, "mode": "signers", "signers": ["%s"]}'
    for runner in peers:
        runner.wait_for_state(number, "serving")
        body = document % world.developer.address.encode()
        runner.signed("PUT", f"/v1/deals/{number}/access", body).raise_for_status()
    return number


def test_replay__through_another_gateway__is_refused_by_the_peer(world, peers, deal, tmp_path):
    path = f"/v1/deals/{deal}/greeting/greeting"
    headers = peers[0].sign("POST", path, BODY)

    gateway = RealGateway(world, deal, peers[:1])
    answers = [
        gateway.send(tmp_path / name, "POST", path, BODY, headers) for name in ("one", "other")
    ]

    assert answers[0].json() == {"result": "Hi, you"}
    assert (answers[1].status_code, answers[1].json()["field"]) == (409, "Authorization")
    assert "fresh nonce" in answers[1].json()["remedy"]


def test_replay__after_the_peer_was_killed__is_refused(peers, deal):
    peer = peers[0]
    path = f"/v1/deals/{deal}/greeting/greeting"
    headers = peer.sign("POST", path, BODY)

    def send():
        return httpx.post(peer.url + path, content=BODY, headers=headers, trust_env=False)

    first = send()
    peer.kill()
    peer.start()
    peer.wait_for_state(deal, "serving")

    assert (first.status_code, send().status_code) == (200, 409)


def test_call__signed_for_one_peer__counts_there_only(world, peers, deal, tmp_path):
    path = f"/v1/deals/{deal}/greeting/greeting?peer={peers[1].number}"
    headers = peers[0].sign("POST", path, BODY)

    gateway = RealGateway(world, deal, peers)
    through = [gateway.send(tmp_path / str(i), "POST", path, BODY, headers) for i in range(2)]
    other = httpx.post(peers[0].url + path, content=BODY, headers=headers, trust_env=False)

    assert through[0].headers["wasmarket-peer"] == str(peers[1].number)
    assert [answer.status_code for answer in through] == [200, 409]
    assert (other.status_code, other.json()["field"]) == (403, "peer")


def test_strangers__whoever_signs__are_not_remembered(world, peers, deal):
    peer = peers[1]
    path = f"/v1/deals/{deal}/stats"
    kept = peer.folder.path / "nonces"
    before = sum(file.stat().st_size for file in kept.iterdir())

    answer = peer.signed("GET", path, by=world.stranger)

    assert answer.status_code == 403
    assert sum(file.stat().st_size for file in kept.iterdir()) == before

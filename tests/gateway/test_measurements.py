"""What a gateway measured of peers: told under its name, bounded, of two days at most."""

import pytest

from gateway.directory.deals import PeerRoute
from gateway.upstream import measurements
from gateway.upstream.measurements import PERIOD_SECONDS, Measurements, Outcome
from tests.gateway.peers import DEAL, FakeDirectory, ScriptedGateway, refusal, result, route
from wasmarket.kernel.errors import TimedOut
from wasmarket.serving.peer_wire.connection import PeerFailed

pytestmark = pytest.mark.unit

CALL = ("POST", f"/v1/deals/{DEAL}/s/f", {"json": []})
PATH = "/v1/measurements"
DAY = 20_000 * PERIOD_SECONDS


def peer(number, region=56):
    return PeerRoute(number, f"http://peer{number}", region)


class Clock:
    now = float(DAY)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(clock):
    return Measurements(clock)


def test_gateway__calls_that_go_well_and_badly__are_told_by_peer_reason_and_region():
    gateway = ScriptedGateway(
        FakeDirectory(route(1, 2)), name="gateway.example.org", region="DE", failures=100
    )
    gateway.peers.answer(1, refusal(429), TimedOut("late"), PeerFailed("broke off"), result(1))
    gateway.peers.answer(2, result(2))
    gateway.send_all(*[CALL] * 8)

    said = gateway.send("GET", PATH).json()

    assert said["measured_by"] == {"name": "gateway.example.org", "region": "DE"}
    first, second = said["peers"]
    assert (first["peer"], second["peer"]) == (1, 2)
    assert first["reasons"] == {"busy": 1, "timed_out": 1, "broken_off": 1}
    assert (first["failed"], first["refused"]) == (2, 1)
    assert first["calls"] == first["answered"] + 3
    assert first["error_ppm"] == 2_000_000 // (2 + first["answered"])
    assert (second["error_ppm"], second["reasons"]) == (0, {})
    assert 0 < second["p50_us"] <= second["p90_us"] <= second["p99_us"]
    [region] = said["regions"]
    assert (region["region"], region["calls"]) == (0, first["calls"] + second["calls"])


def test_gateway__asked_about_some_peers__tells_of_these_to_pages_of_every_origin():
    gateway = ScriptedGateway(FakeDirectory(route(1, 2)))
    for number in (1, 2):
        gateway.peers.answer(number, result(number))
    gateway.send_all(*[CALL] * 4)

    answer = gateway.send("GET", f"{PATH}?peer=2&peer=9", headers={"Origin": "https://a.example"})

    assert [entry["peer"] for entry in answer.json()["peers"]] == [2]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    refused = gateway.send("GET", f"{PATH}?peer=me")
    assert (refused.status_code, refused.json()["field"]) == (400, "peer.0")


def test_gateway__health_probes__are_no_calls():
    gateway = ScriptedGateway(FakeDirectory(route(1)))

    assert gateway.send("GET", PATH).json()["peers"] == []


def test_quantiles__are_bounds_that_so_many_answers_do_not_exceed(kept):
    for seconds in (0.0001, 0.0003, 0.0003, 0.004, 2.0):
        kept.note(peer(1), Outcome.ANSWERED, seconds)

    [found] = kept.of_peers()
    assert (found.seen.p50_us, found.seen.p90_us, found.seen.p99_us) == (315, 2_000_000, 2_000_000)


def test_quantiles__longer_than_every_bound__is_the_last(kept):
    kept.note(peer(1), Outcome.ANSWERED, 10_000.0)

    assert kept.of_peers()[0].seen.p50_us == 800_000_000


def test_figures__of_the_day_before_yesterday__are_gone(kept, clock):
    kept.note(peer(1), Outcome.UNREACHABLE)
    clock.now += PERIOD_SECONDS
    kept.note(peer(1), Outcome.ANSWERED, 0.001)

    assert kept.of_peers()[0].seen.error_ppm == 500_000
    assert kept.since == DAY
    clock.now += PERIOD_SECONDS
    assert kept.of_peers()[0].seen.error_ppm == 0
    clock.now += 5 * PERIOD_SECONDS
    assert (kept.of_peers(), kept.by_region()) == ([], {})


def test_peers__more_than_are_kept__those_called_long_ago_are_forgotten(kept, monkeypatch):
    monkeypatch.setattr(measurements, "MAX_PEERS", 3)
    for number in (1, 2, 3, 1, 4):
        kept.note(peer(number), Outcome.ANSWERED, 0.001)

    assert [found.peer for found in kept.of_peers()] == [1, 3, 4]


def test_regions__peers_of_each__are_added_up(kept):
    kept.note(peer(1), Outcome.ANSWERED, 0.001)
    kept.note(peer(2), Outcome.TIMED_OUT)
    kept.note(peer(3, region=7), Outcome.STARTING)

    regions = kept.by_region()
    assert regions[56].error_ppm == 500_000
    assert (regions[7].calls, regions[7].error_ppm, regions[7].p50_us) == (1, None, None)


def test_gateway__asked_behind_a_number__tells_of_the_peers_that_follow():
    gateway = ScriptedGateway(FakeDirectory(route(1, 2)))
    for number in (1, 2):
        gateway.peers.answer(number, result(number))
    gateway.send_all(*[CALL] * 4)

    pages = [gateway.send("GET", f"{PATH}?after={n}").json()["peers"] for n in (0, 1, 2)]

    assert [[entry["peer"] for entry in page] for page in pages] == [[1, 2], [2], []]


def test_peers__more_than_a_page__are_told_by_number(kept):
    for number in (3, 1, 2):
        kept.note(peer(number), Outcome.ANSWERED, 0.001)

    assert [found.peer for found in kept.of_peers(limit=2)] == [1, 2]
    assert [found.peer for found in kept.of_peers(after=2, limit=2)] == [3]

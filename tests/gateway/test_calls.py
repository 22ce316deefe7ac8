"""Calls go to a live peer, to the next one where that is safe, and come back as they were sent."""

import httpx
import pytest

from tests.gateway.peers import DEAL, FakeDirectory, ScriptedGateway, refusal, result, route
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.errors import TimedOut, Unreachable
from wasmarket.serving.peer_wire.connection import PeerFailed

pytestmark = pytest.mark.unit

BROKEN = PeerFailed("broken")
PATH = f"/v1/deals/{DEAL}/s/f"


@pytest.fixture
def gateway():
    return ScriptedGateway(FakeDirectory(route(1, 2, 3)))


def assert_problem(answer, status, slug):
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wasmarket:{slug}")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_call__peers_take_turns(gateway):
    for peer in (1, 2, 3):
        gateway.peers.answer(peer, result(peer, peer))

    answers = gateway.send_all(*[("POST", PATH, {"json": []})] * 6)

    assert sorted(gateway.peers.asked) == [1, 1, 2, 2, 3, 3]
    assert [a.json()["result"] for a in answers] == gateway.peers.asked
    assert [a.headers["wasmarket-peer"] for a in answers] == [str(p) for p in gateway.peers.asked]


def test_call__peers_that_are_down__are_passed_over_and_then_come_last(gateway):
    gateway.peers.answer(2, result("ok", 2))

    answers = gateway.send_all(*[("POST", PATH, {"json": []})] * 4)

    assert [answer.status_code for answer in answers] == [200] * 4
    assert set(gateway.peers.asked[-2:]) == {2}


def test_call__peer_that_failed__is_tried_first_again_after_a_rest(gateway):
    gateway.peers.answer(2, result("ok", 2))
    gateway.send_all(*[("POST", PATH, {"json": []})] * 3)
    for peer in (1, 3):
        gateway.peers.answer(peer, result("ok", peer))
    gateway.now = 5.1
    gateway.peers.requests.clear()

    gateway.send_all(*[("POST", PATH, {"json": []})] * 3)

    assert sorted(gateway.peers.asked) == [1, 2, 3]


@pytest.mark.parametrize("status", [404, 429, 503])
def test_call__peer_that_cannot_take_it__next_one_is_asked(gateway, status):
    for peer in (1, 3):
        gateway.peers.answer(peer, refusal(status))
    gateway.peers.answer(2, result("ok", 2))

    answers = gateway.send_all(*[("POST", PATH, {"json": []})] * 3)

    assert [answer.json()["result"] for answer in answers] == ["ok"] * 3


@pytest.mark.parametrize("status", [404, 429, 503])
def test_call__no_peer_can_take_it__last_refusal_comes_back_and_the_directory_is_asked_anew(
    gateway, status
):
    for peer in (1, 2, 3):
        gateway.peers.answer(peer, refusal(status))

    first, second = gateway.send_all(*[("POST", PATH, {"json": []})] * 2)

    assert first.status_code == second.status_code == status
    assert first.json()["detail"] == "no"
    assert gateway.directory.asked == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 409, 413, 500, 502, 504])
def test_call__peer_that_answers__is_final(gateway, status):
    for peer in (1, 2, 3):
        gateway.peers.answer(peer, refusal(status))

    answer = gateway.call()

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(gateway.peers.asked) == 1


def test_call__starting_everywhere__is_tried_again_for_a_moment():
    gateway = ScriptedGateway(FakeDirectory(route(1)), patience_seconds=5.0)
    gateway.peers.answer(1, refusal(503), refusal(503), result("ok"))

    answer = gateway.call()

    assert answer.json() == {"result": "ok"}
    assert gateway.peers.asked == [1, 1, 1]
    assert gateway.directory.asked == 3


def test_call__signed_and_refused_for_now__is_not_told_that_its_nonce_was_used():
    gateway = ScriptedGateway(FakeDirectory(route(1)), patience_seconds=5.0)
    gateway.peers.answer(1, refusal(503), refusal(409))

    answer = gateway.call(headers={"Authorization": "Wasmarket 0x:1:0x:0x"})
    again = gateway.call(headers={"Authorization": "Wasmarket 0x:1:0x:0x"})

    assert (answer.status_code, again.status_code) == (503, 409)
    assert gateway.peers.asked == [1, 1, 1]


def test_read__not_ready__is_told_at_once():
    gateway = ScriptedGateway(FakeDirectory(route(1)), patience_seconds=5.0)
    gateway.peers.answer(1, refusal(503))

    assert gateway.send("GET", f"/v1/deals/{DEAL}/health").status_code == 503
    assert gateway.peers.asked == [1]


def test_call__connection_breaks_in_the_middle__is_not_repeated(gateway):
    for peer in (1, 2, 3):
        gateway.peers.answer(peer, BROKEN)

    answer = gateway.call()

    assert_problem(answer, 502, "peer-failed")
    assert len(gateway.peers.asked) == 1


def test_call__connection_breaks_but_may_run_twice__next_one_is_asked(gateway):
    for peer in (1, 3):
        gateway.peers.answer(peer, BROKEN)
    gateway.peers.answer(2, result("ok", 2))

    headers = {"Idempotency-Key": "once"}
    answers = gateway.send_all(*[("POST", PATH, {"json": [], "headers": headers})] * 3)

    assert [answer.status_code for answer in answers] == [200] * 3


def test_read__connection_breaks__next_one_is_asked(gateway):
    for peer in (1, 3):
        gateway.peers.answer(peer, BROKEN)
    gateway.peers.answer(2, httpx.Response(200, json={"state": "serving"}))

    answers = gateway.send_all(*[("GET", f"/v1/deals/{DEAL}", {})] * 3)

    assert [answer.status_code for answer in answers] == [200] * 3


def test_call__peer_takes_too_long__is_a_timeout_and_not_repeated(gateway):
    for peer in (1, 2, 3):
        gateway.peers.answer(peer, TimedOut("slow"))

    assert_problem(gateway.call(), 504, "timed-out")
    assert len(gateway.peers.asked) == 1


def test_call__nothing_was_sent__next_one_is_asked(gateway):
    for peer in (1, 3):
        gateway.peers.answer(peer, Unreachable("nobody listens"))
    gateway.peers.answer(2, result("ok", 2))

    answers = gateway.send_all(*[("POST", PATH, {"json": []})] * 3)

    assert [answer.status_code for answer in answers] == [200] * 3


def test_call__all_peers_down__is_unavailable(gateway):
    answer = gateway.call()

    assert_problem(answer, 503, "unreachable")
    assert sorted(gateway.peers.asked) == [1, 2, 3]


def test_call__all_known_peers_down_but_moved__new_ones_are_asked(gateway):
    gateway.peers.answer(4, result("ok", 4))
    gateway.send("GET", f"/v1/deals/{DEAL}")
    gateway.directory.routes[DEAL] = route(1, 4)
    gateway.peers.requests.clear()

    assert gateway.call().json() == {"result": "ok"}
    assert gateway.peers.asked[-1] == 4


def test_call__no_such_deal__is_not_found(gateway):
    assert_problem(gateway.call("/v1/deals/8/s/f"), 404, "not-found")


@pytest.mark.parametrize("number", ["0", "-1", "4294967296", "x", "1.5"])
def test_call__not_a_deal__is_invalid(gateway, number):
    assert_problem(gateway.call(f"/v1/deals/{number}/s/f"), 400, "invalid-input")
    assert gateway.directory.asked == 0


@pytest.mark.parametrize(
    ("status", "remedy"), [(DealStatus.LAPSED, "top it up"), (DealStatus.ENDED, "deploy again")]
)
def test_call__unpaid__is_payment_required_and_reaches_no_peer(gateway, status, remedy):
    gateway.directory.routes[DEAL] = route(1, status=status)

    answer = gateway.call()

    assert_problem(answer, 402, "runway-over")
    assert answer.json()["remedy"].startswith(remedy)
    assert gateway.peers.asked == []


def test_call__stopping__still_runs(gateway):
    gateway.directory.routes[DEAL] = route(1, status=DealStatus.STOPPING)
    gateway.peers.answer(1, result("ok"))

    assert gateway.call().status_code == 200


def test_call__no_active_peer__is_unavailable_and_asks_anew(gateway):
    gateway.directory.routes[DEAL] = route()

    first, second = gateway.send_all(*[("POST", PATH, {"json": []})] * 2)

    assert_problem(first, 503, "unreachable")
    assert second.status_code == 503
    assert gateway.directory.asked == 2


def test_call__peer_is_chosen__only_that_one_is_asked(gateway):
    for peer in (1, 2, 3):
        gateway.peers.answer(peer, result(peer, peer))

    options = {"json": [], "headers": {"Wasmarket-Peer": "3"}}
    answers = gateway.send_all(*[("POST", PATH, options)] * 3)

    assert [answer.json()["result"] for answer in answers] == [3, 3, 3]
    assert gateway.peers.asked == [3, 3, 3]


def test_call__chosen_peer_is_down__no_other_is_asked(gateway):
    gateway.peers.answer(1, result("ok"))

    answer = gateway.call(headers={"Wasmarket-Peer": "3"})

    assert_problem(answer, 503, "unreachable")
    assert set(gateway.peers.asked) == {3}


@pytest.mark.parametrize(("wanted", "status"), [("9", 404), ("x", 400), ("-1", 400), ("²", 400)])
def test_call__chosen_peer_is_none_of_the_deal__is_refused(gateway, wanted, status):
    answer = gateway.call(headers={"Wasmarket-Peer": wanted.encode()})

    assert answer.status_code == status
    assert gateway.peers.asked == []


def test_call__goes_on_byte_for_byte_with_named_headers_only(gateway):
    gateway.peers.answer(1, result("ok"))
    gateway.directory.routes[DEAL] = route(1)
    sent = {
        "Authorization": "Bearer key",
        "Content-Type": "application/octet-stream",
        "Prefer": "receipt",
        "X-Request-Id": "mine",
        "Accept": "application/json",
        "Cookie": "secret",
        "X-Forwarded-For": "1.2.3.4",
        "Host": "example.org",
    }

    gateway.call(f"{PATH}?a=1%202&b=", json=None, content=b"\x00\xff", headers=sent)

    [request] = gateway.peers.requests
    assert str(request.url) == f"http://peer1{PATH}?a=1%202&b="
    assert request.content == b"\x00\xff"
    for name in ("authorization", "content-type", "prefer", "x-request-id", "accept"):
        assert request.headers[name] == {k.lower(): v for k, v in sent.items()}[name]
    for name in ("cookie", "x-forwarded-for"):
        assert name not in request.headers
    assert request.headers["host"] == "peer1"


def test_call__answer_comes_back_byte_for_byte_with_named_headers_only(gateway):
    gateway.directory.routes[DEAL] = route(1)
    gateway.peers.answer(
        1,
        httpx.Response(
            200,
            content=b"\x00\xff",
            headers={
                "Content-Type": "application/octet-stream",
                "Wasmarket-Receipt": "1:0:ab",
                "Wasmarket-Head": "1:0:ab:cd",
                "Wasmarket-Fuel": "5",
                "Preference-Applied": "receipt",
                "ETag": "x",
                "Set-Cookie": "a=b",
                "Server": "peer",
                "X-Request-Id": "other",
            },
        ),
    )

    answer = gateway.call(headers={"X-Request-Id": "mine"})

    assert answer.content == b"\x00\xff"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["wasmarket-receipt"] == "1:0:ab"
    assert answer.headers["wasmarket-head"] == "1:0:ab:cd"
    assert answer.headers["preference-applied"] == "receipt"
    assert answer.headers["etag"] == "x"
    assert answer.headers.get_list("x-request-id") == ["mine"]
    assert "set-cookie" not in answer.headers
    assert "server" not in answer.headers


def test_call__body_above_the_limit__reaches_no_peer(gateway):
    gateway.peers.answer(1, result("ok"))

    assert_problem(gateway.call(json=None, content=b"x" * 1_001), 413, "too-large")
    assert gateway.peers.asked == []


@pytest.mark.parametrize("path", ["", "/interface", "/health", "/logs", "/stats", "/access"])
def test_read__each_route__goes_on(gateway, path):
    gateway.directory.routes[DEAL] = route(1)
    gateway.peers.answer(1, httpx.Response(200, json={"at": path}))

    assert gateway.send("GET", f"/v1/deals/{DEAL}{path}?x=1").json() == {"at": path}
    assert gateway.peers.requests[0].url.path == f"/v1/deals/{DEAL}{path}"


@pytest.mark.parametrize("path", ["/receipts/5", "/receipts/5/6"])
def test_receipts__go_on(gateway, path):
    gateway.directory.routes[DEAL] = route(1)
    gateway.peers.answer(1, httpx.Response(200, json={}))

    assert gateway.send("GET", f"/v1/deals/{DEAL}{path}").status_code == 200


@pytest.mark.enable_socket  # it looks for the app where nobody answers
def test_alias__is_the_deal_behind_it():
    gateway = ScriptedGateway(FakeDirectory(route(1)), aliases={"site": DEAL})
    gateway.peers.answer(1, result("ok"))

    answer = gateway.call("/site/s/f?x=1")

    assert answer.json() == {"result": "ok"}
    assert str(gateway.peers.requests[0].url) == f"http://peer1{PATH}?x=1"
    assert_problem(gateway.call("/other/s/f"), 404, "not-found")


def test_access__put__goes_to_every_peer(gateway):
    for peer in (1, 2, 3):
        gateway.peers.answer(peer, httpx.Response(200, json={"version": 2}))

    answer = gateway.send("PUT", f"/v1/deals/{DEAL}/access", content=b'{"version": 2}')

    assert answer.json() == {"peers": [1, 2, 3], "silent": []}
    assert gateway.peers.asked == [1, 2, 3]
    assert {request.content for request in gateway.peers.requests} == {b'{"version": 2}'}


def test_access__put_while_one_is_down__names_who_did_not_hear(gateway):
    for peer in (1, 3):
        gateway.peers.answer(peer, httpx.Response(200, json={}))

    answer = gateway.send("PUT", f"/v1/deals/{DEAL}/access", content=b"{}")

    assert answer.json() == {"peers": [1, 3], "silent": [2]}


def test_access__put_that_one_refuses__is_refused(gateway):
    for peer in (1, 3):
        gateway.peers.answer(peer, httpx.Response(200, json={}))
    gateway.peers.answer(2, refusal(409))

    assert gateway.send("PUT", f"/v1/deals/{DEAL}/access", content=b"{}").status_code == 409


def test_access__put_while_all_are_down__is_unavailable(gateway):
    assert_problem(
        gateway.send("PUT", f"/v1/deals/{DEAL}/access", content=b"{}"), 503, "unreachable"
    )


def test_directory__away__what_was_known_goes_on(gateway):
    gateway.peers.answer(1, result("ok"))
    gateway.directory.routes[DEAL] = route(1)
    gateway.call()
    gateway.directory.is_away = True
    gateway.now = 100.0

    assert gateway.call().status_code == 200
    assert_problem(gateway.call("/v1/deals/8/s/f"), 503, "unreachable")


@pytest.mark.parametrize("status", [DealStatus.LAPSED, DealStatus.ENDED, DealStatus.WAITING])
@pytest.mark.parametrize("record", ["logs", "receipts/5", "receipts/5/7", "stats"])
def test_read__record_of_a_deal_that_nobody_runs__is_asked_of_those_who_did(status, record):
    directory = FakeDirectory(route(status=status))
    directory.former = route(4, 5).peers
    gateway = ScriptedGateway(directory)
    gateway.peers.answer(4, result("kept", 4))

    [answer] = gateway.send_all(("GET", f"/v1/deals/{DEAL}/{record}", {}))
    [call] = gateway.send_all(("POST", PATH, {"json": []}))

    assert (answer.status_code, answer.json()["result"]) == (200, "kept")
    assert call.status_code in (402, 503)
    assert set(gateway.peers.asked) <= {4, 5}


def test_read__record_at_a_peer_that_was_evicted__is_asked_there_though_others_run_it():
    directory = FakeDirectory(route(1))
    directory.former = route(4, 1).peers
    gateway = ScriptedGateway(directory)
    gateway.peers.answer(4, result("kept", 4))

    [answer] = gateway.send_all(
        ("GET", f"/v1/deals/{DEAL}/logs", {"headers": {"Wasmarket-Peer": "4"}})
    )

    assert answer.status_code == 200
    assert gateway.peers.asked == [4]


def test_read__record_of_a_deal_that_nobody_ever_ran__is_refused_as_a_call():
    gateway = ScriptedGateway(FakeDirectory(route(status=DealStatus.LAPSED)))

    [answer] = gateway.send_all(("GET", f"/v1/deals/{DEAL}/logs", {}))

    assert_problem(answer, 402, "runway-over")

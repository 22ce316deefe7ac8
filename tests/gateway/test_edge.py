"""What every request meets first: rate limits and CORS."""

import pytest

from gateway.run import check_names
from tests.gateway.peers import DEAL, FakeDirectory, ScriptedGateway, result, route
from wasmarket.kernel.errors import ConfigError

pytestmark = pytest.mark.unit

PATH = f"/v1/deals/{DEAL}/s/f"
ORIGIN = {"Origin": "https://app.example"}
PREFLIGHT = ORIGIN | {"Access-Control-Request-Method": "POST"}


def make_gateway(**settings):
    gateway = ScriptedGateway(FakeDirectory(route(1), route(1, deal=8)), **settings)
    gateway.peers.answer(1, result("ok"))
    return gateway


def test_limit__of_an_address__refuses_with_the_time_to_wait_and_ends():
    gateway = make_gateway(rate_per_address=0.5, burst=2)

    answers = [gateway.call() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["type"] == "urn:wasmarket:rate-limited"
    assert answers[2].headers["retry-after"] == "2"
    assert len(gateway.peers.requests) == 2
    gateway.now += 2.0
    assert gateway.call().status_code == 200
    assert gateway.call().status_code == 429
    assert 'limited_total{by="address"} 2.0' in gateway.send("GET", "/metrics").text


def test_limit__of_an_address__counts_each_behind_our_proxy():
    gateway = make_gateway(rate_per_address=1.0, burst=1, proxies=("127.0.0.1",))
    callers = ("1.1.1.1", "2.2.2.2", "1.1.1.1", "6.6.6.6, 2.2.2.2")

    answers = [gateway.call(headers={"X-Forwarded-For": caller}) for caller in callers]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]


def test_limit__of_an_address__is_not_escaped_by_a_header():
    gateway = make_gateway(rate_per_address=1.0, burst=1)

    answers = [gateway.call(headers={"X-Forwarded-For": f"1.1.1.{n}"}) for n in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]


def test_limit__of_a_key__is_for_that_key_only():
    gateway = make_gateway(rate_per_key=1.0, burst=1)
    keys = ("Bearer a", "Bearer b", "Bearer a", None, None)

    answers = [gateway.call(headers={"Authorization": key} if key else {}) for key in keys]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 200]


@pytest.mark.parametrize(
    "spelling", ["Bearer  a", "Bearer a ", "bearer a", "BEARER\ta", "Bearer \t a"]
)
def test_limit__of_a_key__counts_every_spelling_that_lets_in(spelling):
    gateway = make_gateway(rate_per_key=1.0, burst=1)

    answers = [gateway.call(headers={"Authorization": key}) for key in ("Bearer a", spelling)]

    assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.parametrize("first", ["junk", "Bearer b"])
def test_limit__of_a_key_behind_another__is_refused_unread(first):
    gateway = make_gateway(rate_per_key=1.0, burst=5)

    answer = gateway.call(headers=[("Authorization", first), ("Authorization", "Bearer a")])

    assert (answer.status_code, answer.json()["field"]) == (400, "Authorization")
    assert gateway.peers.requests == []


def test_limit__of_an_address__counts_an_ipv6_network_as_one_behind_our_proxy():
    gateway = make_gateway(rate_per_address=1.0, burst=1, proxies=("127.0.0.1",))
    callers = ("2001:db8::1", "2001:DB8:0::ffff", "2001:db8:0:1::1", "::ffff:1.1.1.1", "1.1.1.1")

    answers = [gateway.call(headers={"X-Forwarded-For": caller}) for caller in callers]

    assert [answer.status_code for answer in answers] == [200, 429, 200, 200, 429]


@pytest.mark.parametrize("path", ["/v1/health/x", "/metrics", "/v1/status"])
def test_limit__of_a_site__holds_for_paths_that_look_like_ours(path):
    gateway = make_gateway(rate_per_address=1.0, burst=1, hosts={"app.example": DEAL})

    answers = [gateway.send("GET", path, headers={"Host": "app.example"}) for _ in range(2)]

    assert answers[1].status_code == 429


@pytest.mark.parametrize("path", ["/metrics-x/s/f", "/v1/health/liver", "/v1/statuses"])
def test_limit__of_paths_that_begin_like_our_pages__holds(path):
    gateway = make_gateway(rate_per_address=1.0, burst=1)

    assert [gateway.send("GET", path).status_code for _ in range(2)][1] == 429


def test_limit__health_and_metrics__are_always_answered():
    gateway = make_gateway(rate_per_address=1.0, burst=1)
    gateway.call()

    paths = ("/v1/health/live", "/v1/health/live", "/metrics", "/v1/status")

    assert [gateway.send("GET", path).status_code for path in paths] == [200] * 4


def test_cors__off__says_nothing():
    answer = make_gateway().call(headers=ORIGIN)

    assert "access-control-allow-origin" not in answer.headers


def test_cors__any_origin__may_read_answers_and_problems():
    gateway = make_gateway(cors_origins=("*",))

    for answer in (
        gateway.call(headers=ORIGIN),
        gateway.call("/v1/deals/99/s/f", headers=ORIGIN),
        gateway.send("GET", "/v1/status", headers=ORIGIN),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "wasmarket-receipt" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers


def test_cors__named_origins__are_the_only_ones():
    gateway = make_gateway(cors_origins=("https://app.example",))

    known = gateway.call(headers=ORIGIN)
    other = gateway.call(headers={"Origin": "https://evil.example"})

    assert known.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in other.headers
    assert known.headers["vary"] == other.headers["vary"] == "Origin"


def test_cors__of_a_deal__is_instead_of_the_gateways():
    gateway = make_gateway(
        aliases={"shop": DEAL},
        cors_origins=("*",),
        cors={"shop": "https://a.example https://app.example", "8": "https://b.example"},
    )

    mine = gateway.call(headers=ORIGIN)
    other = gateway.call("/v1/deals/8/s/f", headers=ORIGIN)

    assert mine.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in other.headers


def test_cors__preflight__reaches_no_peer():
    gateway = make_gateway(cors_origins=("https://app.example",))

    answer = gateway.send("OPTIONS", PATH, headers=PREFLIGHT)
    evil = gateway.send("OPTIONS", PATH, headers=PREFLIGHT | {"Origin": "https://evil.example"})

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "idempotency-key" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in evil.headers
    assert gateway.peers.requests == []


@pytest.mark.parametrize("name", ["v1", "ipfs", "docs", "7", "a/b", "", "ä", "openapi.json"])
def test_alias__that_could_not_be_reached__is_refused_at_start(name):
    with pytest.raises(ConfigError, match="alias"):
        check_names({name: 1})


def test_cors__of_a_deal_nobody_named__is_refused_at_start():
    with pytest.raises(ConfigError, match="no alias"):
        make_gateway(cors={"nowhere": "*"})


def test_log__of_a_call__says_deal_and_peer(caplog):
    gateway = make_gateway()

    with caplog.at_level("INFO", "wasmarket.access"):
        answer = gateway.call()

    [record] = [r for r in caplog.records if r.name == "wasmarket.access"]
    assert (record.deal, record.peer, record.status) == (DEAL, 1, 200)
    assert record.request_id == answer.headers["x-request-id"]
    assert gateway.peers.requests[0].headers["x-request-id"] == record.request_id

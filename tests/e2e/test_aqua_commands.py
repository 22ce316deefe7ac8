"""`wasmarket aqua`, on a market with indexer, matcher, gateway and three peers."""

import pytest

pytestmark = pytest.mark.e2e

HELLO = """aqua Hello declares *

export hello, broken

data Worker:
  pat_id: string
  host_id: string
  worker_id: ?string

data Subnet:
  success: bool
  error: []string
  workers: []Worker

service Deals("subnet"):
  resolve(deal: string) -> Subnet

service Greeting("greeting"):
  greeting(name: string) -> string
  none(name: string) -> string

func hello(deal: string, name: string) -> []string:
  answers: *string
  on HOST_PEER_ID:
    subnet <- Deals.resolve(deal)
  for w <- subnet.workers par:
    on w.worker_id! via w.host_id:
      answers <- Greeting.greeting(name)
  join answers[1]
  <- answers

func broken(deal: string) -> string:
  on HOST_PEER_ID:
    subnet <- Deals.resolve(deal)
  on subnet.workers[0].worker_id! via subnet.workers[0].host_id:
    r <- Greeting.none("x")
  <- r
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "hello.aqua"
    path.write_text(HELLO)
    return path


def test_run__over_the_peers_of_a_deal__joins_their_answers_and_shows_the_way(market, deal, source):
    ran = market.run(
        "aqua", "run", source, f'hello("{deal}", "Ada")', "--deal", deal, "--ttl", 60_000, "--trace"
    )

    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0] == '["Hi, Ada", "Hi, Ada"]'
    assert f"greeting.greeting (deal {deal})" in ran.out
    assert "● peer" in ran.out


def test_run__for_a_script__is_json_with_the_way(market, deal, source):
    asked = ("--deal", deal, "--ttl", 60_000, "--trace", "--json")

    ran = market.run("aqua", "run", source, f'hello("{deal}", "Ada")', *asked)

    assert ran.code == 0, ran.err
    assert ran.json["result"] == ["Hi, Ada", "Hi, Ada"]
    assert len([row for row in ran.json["trace"] if row["receipt"]]) == 2


def test_run__that_fails_at_a_peer__says_what_and_where(market, deal, source):
    ran = market.run("aqua", "run", source, f'broken("{deal}")', "--deal", deal, "--ttl", 60_000)

    assert ran.code == 1
    assert "no function none" in ran.err


@pytest.mark.parametrize(
    ("call", "cause"),
    [("hello(1)", "2 arguments"), ('hello("1", 2)', "expected string"), ("other()", "exports no")],
)
def test_run__of_what_does_not_fit__is_told_before_it_goes(market, source, call, cause):
    ran = market.run("aqua", "run", source, call, "--relay", 1)

    assert ran.code in {1, 2}
    assert cause in ran.err


def test_compile__for_a_script__tells_the_interfaces(market, source):
    ran = market.run("aqua", "compile", source, "--json")

    assert ran.code == 0, ran.err
    assert {"hello", "broken"} <= ran.json.keys()


def test_compile__writes_scripts_and_interfaces(market, source, tmp_path):
    ran = market.run("aqua", "compile", source, "--out", tmp_path / "out")

    assert ran.code == 0, ran.err
    assert "hello(deal: string, name: string) -> []string" in ran.out
    assert (tmp_path / "out" / "hello.air").read_text().startswith("(xor")

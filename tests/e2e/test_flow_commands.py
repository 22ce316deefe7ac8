"""Flows of an app, from `app.toml` to the proof of what they did."""

import json

import msgspec
import pytest

from peer.choreography.callers.flows import KeptFlow
from tests.paths import CHECKOUT
from wasmarket.app.file import load_app

pytestmark = pytest.mark.e2e

APP = CHECKOUT / "examples" / "flows"


@pytest.fixture(scope="module")
def flowing(market):
    """A deal of the example on three peers."""
    return market.deploy(load_app(APP), units=3, max_units_per_provider=2, min_regions=3)


def start(market, deal, name, arguments):
    answer = market.call(deal, f"flows/{name}", arguments)
    assert answer.status_code == 200, answer.text
    return answer


def find_kept(market, particle):
    [path] = market.home.root.glob(f"peers/*/flows/*/{particle}.flow")
    return path


def test_quorum__over_three_peers__takes_two_answers_and_is_verified(market, flowing):
    for _ in range(3):
        # The chain's clock is now ahead of the peers'.
        market.next_epoch()

    answer = start(market, flowing, "quorum", [str(flowing), "Ada", 2])

    assert answer.json()["result"][:2] == ["Hi, Ada", "Hi, Ada"]
    ran = market.run("flow", "verify", answer.headers["wasmarket-particle"], "--deal", flowing)
    assert ran.code == 0, ran.err
    assert ran.out.count("greeting.greeting") >= 2
    told = market.run(
        "flow", "verify", answer.headers["wasmarket-particle"], "--deal", flowing, "--json"
    )
    assert (told.json["verified"], told.json["flow"]) == (True, "quorum")
    assert len(told.json["calls"]) == ran.out.count("greeting.greeting")


def test_everybody__asked_by_command__answers(market, flowing):
    ran = market.run("call", flowing, "flows.everybody", json.dumps(str(flowing)), "Bob")

    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == ["Hi, Bob"] * 3


def test_chain__over_two_deals__calls_both(market, flowing, deal):
    answer = start(market, flowing, "chain", [str(deal), str(flowing), "Eve"])

    assert answer.json() == {"result": "Hi, Hi, Eve"}
    particle = answer.headers["wasmarket-particle"]
    told = market.run("flow", "verify", particle, "--deal", flowing, "--json")
    assert told.code == 0, told.err
    assert {row["deal"] for row in told.json["calls"]} == {str(deal), str(flowing)}


FORGERIES = (
    (lambda kept: {"signature": bytes(64)}, "did not sign particle"),
    (lambda kept: {"script": kept.script.replace("greeting", "gritting")}, "did not sign"),
    (lambda kept: {"flow": "chain"}, "is not the flow chain"),
    (lambda kept: {"data": b""}, "the script is not over"),
    (lambda kept: {"data": kept.data.replace(b"Hi, Kim", b"Hi, Tim")}, "AquaVM"),
)


def test_verify__of_what_was_forged__names_it(market, flowing):
    answer = start(market, flowing, "everybody", [str(flowing), "Kim"])
    particle = answer.headers["wasmarket-particle"]
    other = start(market, flowing, "everybody", [str(flowing), "Kim"])
    steps_of_another = msgspec.msgpack.decode(
        find_kept(market, other.headers["wasmarket-particle"]).read_bytes(), type=KeptFlow
    ).data
    path = find_kept(market, particle)
    kept = msgspec.msgpack.decode(path.read_bytes(), type=KeptFlow)
    for change, cause in (*FORGERIES, (lambda kept: {"data": steps_of_another}, "AquaVM")):
        path.write_bytes(msgspec.msgpack.encode(msgspec.structs.replace(kept, **change(kept))))

        ran = market.run("flow", "verify", particle, "--deal", flowing)

        assert ran.code == 1
        assert cause in ran.err

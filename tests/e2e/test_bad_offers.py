"""Bad offers: each is refused with its reason, and what holds goes on."""

import secrets
from dataclasses import replace

import httpx
import pytest

from tests.e2e.market_driver import GREETING, wait_until
from wasmarket.app.file import load_app
from wasmarket.chain.contracts.fills import build_fill
from wasmarket.chain.sending.wallet import Account
from wasmarket.client.developer_offers import make_offer
from wasmarket.kernel.errors import MarketError, Reverted
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer, dump_offer, parse_offer
from wasmarket.kernel.signing.signatures import parse_signature, sign
from wasmarket.kernel.signing.typed_data import digest, hash_offer

pytestmark = pytest.mark.e2e

HOUR = 3_600


def signed(market, offer, account):
    """Return the JSON of an offer that `account` signed."""
    signature = sign(digest(market.wiring.domain, hash_offer(offer)), account.key)
    return {"offer": dump_offer(offer), "signature": signature.to_hex()}


def bid(market, name="developer", **requirement):
    """Return a developer offer for the greeting."""
    wiring = market.wiring
    account = wiring.account(name)
    counter = wiring.market.account(account.address).counter
    now = wiring.clock.refresh()
    return make_offer(
        market.requirement(**requirement), load_app(GREETING).app, account.address, counter, now
    )


def ask(market, peer=1, price=10_000, seconds=HOUR):
    """Return a provider offer of alpha."""
    now = market.wiring.clock.refresh()
    zero = "0x" + "00" * 20
    return ProviderOffer(peer, 0, price, zero, now + seconds, 0, secrets.randbits(64))


def post(market, kind, body):
    """Post an offer; return the answer as it is."""
    return httpx.post(f"{market.client().matcher.url}/v1/{kind}-offers", json=body, timeout=120)


def assert_problem(answer, status, slug, field=None):
    """Check that an answer is a problem document that says what to do."""
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["type"]) == (status, f"urn:wasmarket:{slug}")
    assert problem["detail"]
    assert problem["remedy"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem.get("field") == field


def test_offers__signed_by_somebody_else__are_refused(market):
    stranger = Account.create()

    bought = post(market, "developer", signed(market, bid(market), stranger))
    sold = post(market, "provider", signed(market, ask(market), stranger))

    assert_problem(bought, 400, "invalid-signature", "signature")
    assert_problem(sold, 400, "invalid-signature", "signature")
    assert stranger.address in bought.json()["detail"]


def test_offer__changed_after_signing__is_refused(market):
    body = signed(market, bid(market), market.wiring.account("developer"))
    body["offer"]["units"] = "2"

    assert_problem(post(market, "developer", body), 400, "invalid-signature", "signature")


@pytest.mark.parametrize("signature", ["0x", "0x1234", "nonsense", "0x" + "ff" * 65, 5])
def test_offer__malformed_signature__is_refused(market, signature):
    body = signed(market, bid(market), market.wiring.account("developer"))

    answer = post(market, "developer", body | {"signature": signature})

    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_offers__expired__are_refused(market):
    developer, alpha = market.wiring.account("developer"), market.wiring.account("alpha")

    bought = post(market, "developer", signed(market, bid(market, valid_seconds=-HOUR), developer))
    sold = post(market, "provider", signed(market, ask(market, seconds=-HOUR), alpha))

    assert_problem(bought, 400, "expired", "valid_until")
    assert_problem(sold, 400, "expired", "valid_until")


def test_offer__unknown_peer__is_refused_by_matcher_and_command(market):
    body = signed(market, ask(market, peer=77), market.wiring.account("alpha"))

    ran = market.run("offer", "make", 77, "0.01", "--key", "alpha")

    assert_problem(post(market, "provider", body), 400, "invalid-input", "peer")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "wasmarket: there is no peer 77")


def test_offer__peer_of_another_provider__is_refused_by_matcher_and_command(market):
    body = signed(market, ask(market, peer=3), market.wiring.account("alpha"))

    ran = market.run("offer", "make", 3, "0.01", "--key", "alpha")

    assert_problem(post(market, "provider", body), 400, "invalid-signature", "signature")
    assert ran.code == 2
    assert "belongs to" in ran.err


def test_offer__below_all_prices__waits_and_says_which_price_would_do(market):
    client = market.client()
    offer = client.offer(market.requirement(max_price=3_000), load_app(GREETING).app)

    state = wait_until(
        "the matcher tries",
        lambda: (s := client.offer_state(offer.hash))["status"] == "unmatched" and s,
    )
    [change] = [r for r in client.explain(offer.hash)["relaxations"] if r["field"] == "max_price"]

    assert any("max_price 0.010000 USDC instead of 0.003000" in text for text in state["reasons"])
    assert (change["to"], change["units"]) == ("10000", 1)


def test_fill__dearer_than_the_bid__is_skipped_on_chain_with_its_reason(market):
    wiring, developer = market.wiring, market.wiring.account("developer")
    wanted = bid(market, max_price=5_000, deposit=100_000)
    sold = ask(market, price=5_001)
    signature = sign(digest(wiring.domain, hash_offer(sold)), wiring.account("alpha").key)
    fill = build_fill(sold, 1, signature)

    assert wiring.lens.why(wanted, fill, ()) == 2
    body = signed(market, wanted, developer)
    call = wiring.market.match(wanted, parse_signature(body["signature"], field="s"), [fill])
    with pytest.raises(Reverted, match="matching: nothing to match"):
        wiring.sender(wiring.account("matcher")).simulate(call)


def test_offer__without_the_money__is_unfunded_and_says_what_is_missing(market):
    name = market.new_account("poor", funded=False)
    poor = market.wiring.account(name)

    refused = market.run(
        "deploy", market.greeting, "--new", "--max-price", "0.02", "--key", name, "--yes"
    )
    body = signed(market, bid(market, name), poor)
    posted = post(market, "developer", body).json()
    state = wait_until(
        "the matcher looks at its money",
        lambda: (s := market.client(name).offer_state(posted["hash"]))["status"] != "posted" and s,
    )

    assert refused.code == 3
    assert "holds 0.000000 USDC" in refused.err
    assert "hint: " in refused.err
    assert state["status"] == "unfunded"
    assert state["deal"] is None
    assert state["reasons"]


def test_match__same_offer_again__changes_nothing(market):
    client = market.client()
    deal = market.deploy()
    state = client.deal(deal)
    offered = client.offer_state(state["offer"])
    wanted = parse_offer(DeveloperOffer, offered["offer"])
    sold = replace(ask(market), price=1)
    wiring = market.wiring
    fill = build_fill(
        sold, 1, sign(digest(wiring.domain, hash_offer(sold)), wiring.account("alpha").key)
    )
    signature = parse_signature(offered["signature"], field="signature")
    [row] = state["assignments"]
    sender = wiring.sender(wiring.account("matcher"))

    for current, reason in (((), "current incomplete"), ((row["id"],), "nothing to match")):
        with pytest.raises(Reverted, match=f"matching: {reason}"):
            sender.simulate(wiring.market.match(wanted, signature, [fill], current))
    again = post(
        market, "developer", {"offer": offered["offer"], "signature": offered["signature"]}
    )

    assert (again.status_code, again.json()["deal"]) == (200, deal)
    assert [r["id"] for r in client.deal(deal)["assignments"]] == [row["id"]]


def test_offer__withdrawn__is_matched_no_more(market):
    client = market.client()
    offer = client.offer(market.requirement(max_price=2_000), load_app(GREETING).app)
    body = {"offer": dump_offer(offer.offer)}

    answer = client.matcher.send("DELETE", f"/v1/developer-offers/{offer.hash}", signed=True)

    assert answer.json()["status"] == "cancelled"
    assert body["offer"]["max_price"] == "2000"
    with pytest.raises(MarketError, match="the offer is of"):
        market.client("alpha").matcher.send(
            "DELETE", f"/v1/developer-offers/{offer.hash}", signed=True
        )

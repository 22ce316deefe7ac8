"""The promises of the law that a developer or provider would do sums with."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.law import Law, Outcome
from tests.model.terms import (
    FULL,
    RUNNING,
    ZERO,
    DeveloperOffer,
    Fill,
    Parameters,
    ProviderOffer,
)

pytestmark = pytest.mark.unit

START = 1_000_000
PROFILE = settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "25")), deadline=None)
PRICES = st.lists(st.integers(1, 50), min_size=1, max_size=4)
SECOND = st.integers(0, 99)


def running(prices: list[int], deposit: int, second: int, epochs: int = 0) -> Law:
    """Open one deal with a peer for each price, and activate all of them at that second."""
    law = Law(Parameters(), now=START)
    for role in ("developer", "provider"):
        law.usdc.balance[role], law.flt.balance[role] = 10**9, 10**24
        law.usdc.allowance[role, "market"] = law.flt.allowance[role, "staking"] = 2**256 - 1
    done(law, "staking", "deposit", "provider", 10**22)
    for _ in prices:
        done(law, "market", "register_peer", "provider", b"", 1, 1, 0, 0, "provider", "http://peer")
    offer = DeveloperOffer(
        "developer",
        b"",
        1,
        len(prices),
        0,
        0,
        50,
        epochs,
        deposit,
        0,
        0,
        0,
        (),
        0,
        ZERO,
        0,
        2**64,
        0,
        0,
    )
    fills = [Fill(ProviderOffer(n, p), 1, "provider") for n, p in enumerate(prices, start=1)]
    done(law, "market", "match", "matcher", offer, "developer", fills, [])
    law.travel(START + second)
    law.attempt("market", "activate", "provider", list(law.market.assignments))
    return law


def done(law: Law, *call: object) -> Outcome:
    """Make a call that must not be refused."""
    outcome = law.attempt(*call)  # type: ignore[arg-type]
    assert outcome.reason is None, outcome.reason
    law.check()
    return outcome


def prove_and_pass(law: Law, proven: list[bool]) -> None:
    """Let one epoch pass for each flag; commit it for all peers if the flag says so."""
    peers = [(number, b"") for number in law.market.peers]
    for flag in proven:
        law.travel((law.clock.epoch + 1) * 100)
        if flag:
            done(law, "proofs", "commit", "provider", law.clock.epoch - 1, peers)


@PROFILE
@given(prices=PRICES, epochs=st.integers(0, 40), rest=st.integers(0, 49), second=SECOND)
def test_runway__nobody_calls__is_exact(prices, epochs, rest, second):
    rate = sum(prices)
    law = running(prices, 10**6, second)
    done(
        law,
        "market",
        "take",
        "developer",
        1,
        law.market.deals[1].balance - rate * epochs - rest % rate,
    )

    law.travel(law.clock.now - second + epochs * 100)
    law.market.settle(1)
    assert law.market.status(1) == RUNNING
    law.travel(law.clock.now + 100)

    law.market.settle(1)
    assert law.market.status(1) != RUNNING
    assert law.market.run_end[1, 0] == law.clock.epoch - 1
    law.check()


@PROFILE
@given(price=st.integers(1, 50), second=SECOND, proven=st.lists(st.booleans(), max_size=12))
def test_claim__provider_total__is_its_proven_epochs_and_share(price, second, proven):
    law = running([price], 10**6, second)
    share = price * (FULL - second * FULL // 100) // FULL
    prove_and_pass(law, proven)
    law.travel(law.clock.now + 200)
    done(law, "market", "claim", "stranger", [1])

    costs = [share, *[price] * (len(proven) - 1)][: len(proven)]
    paid = sum(cost for cost, flag in zip(costs, proven, strict=True) if flag)
    assert law.market.free["provider"] == paid


@PROFILE
@given(
    prices=PRICES,
    second=SECOND,
    proven=st.lists(st.booleans(), min_size=3, max_size=9),
    order=st.randoms(use_true_random=False),
)
def test_claim__any_order_at_any_time__gives_the_same(prices, second, proven, order):
    early, late = running(prices, 10**6, second), running(prices, 10**6, second)
    for flag in proven:
        prove_and_pass(early, [flag])
        prove_and_pass(late, [flag])
        done(early, "market", "claim", "stranger", [order.choice(list(early.market.assignments))])
    for law in (early, late):
        law.travel(law.clock.now + 500)
        done(law, "market", "stop", "developer", 1)
        law.travel(law.clock.now + 500)
        ids = list(law.market.assignments)
        order.shuffle(ids)
        done(law, "market", "claim", "stranger", ids)

    assert dict(early.market.free) == dict(late.market.free)
    assert all(early.market.put_aside(a) == 0 for a in early.market.assignments.values())


@PROFILE
@given(prices=PRICES, second=SECOND, epochs=st.integers(0, 5), planned=st.integers(1, 4))
def test_money__after_everything__is_all_paid_or_back(prices, second, epochs, planned):
    law = running(prices, 10**6, second, planned)
    prove_and_pass(law, [True] * epochs)
    law.travel(law.clock.now + 2_000)
    done(law, "market", "stop", "developer", 1)
    done(law, "market", "release", "stranger", list(law.market.assignments))
    done(law, "market", "claim", "stranger", list(law.market.assignments))

    assert law.market.assignments == {}
    assert law.market.free["developer"] + law.market.free["provider"] == 10**6


def test_model__a_refused_call__leaves_no_trace():
    law = running([5], 100, 0)
    before = law.market.deals[1].balance

    outcome = law.attempt("market", "take", "developer", 1, 10**6)

    assert outcome.reason == "deals: not enough balance"
    assert law.market.deals[1].balance == before

"""What events tell a peer, and how a rollback takes it back."""

from dataclasses import replace

import pytest

from peer.chain_state.facts import DEPTH, Facts, apply_update
from wasmarket.chain.reading.blocks import Block, BlockRef, Log, Rollback
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, to_address, to_hash

pytestmark = pytest.mark.unit

OURS, OTHER = 3, 4
KEY = to_hash(b"k" * 32)
WALLET = to_address(b"w" * 20)
DEVELOPER = to_address(b"d" * 20)
APP, NEXT_APP = to_hash(b"a" * 32), to_hash(b"b" * 32)


def ref(number, fork=0):
    return BlockRef(number, to_hash(bytes([fork]) + number.to_bytes(31, "big")), ZERO_HASH, number)


def block(number, *found, fork=0):
    at = ref(number, fork)
    logs = tuple(
        Log(event, ZERO_ADDRESS, number, at.hash, ZERO_HASH, index, number)
        for index, event in enumerate(found)
    )
    return Block(at, logs)


def registered(peer, endpoint="http://peer", key=KEY, wallet=WALLET):
    return events.PeerRegistered(peer, DEVELOPER, key, 4, 256, 0, 0, wallet, endpoint)


def assigned(assignment=10, deal=1, peer=OURS):
    return events.Assigned(assignment, deal, peer, 2, 5, ZERO_HASH)


def created(deal=1, app=APP, meter=ZERO_ADDRESS):
    return events.DealCreated(deal, DEVELOPER, ZERO_HASH, app, 100, 2**32 - 1, meter)


def apply(facts, *updates):
    return [apply_update(facts, update) for update in updates]


@pytest.fixture
def facts():
    return Facts(1, ZERO_ADDRESS, OURS)


def test_match__of_this_peer__is_known_with_its_deal(facts):
    concerned = apply(
        facts, block(1, registered(OURS)), block(2, assigned(), assigned(11, peer=OTHER), created())
    )

    assert concerned == [True, True]
    assert list(facts.assignments) == [10]
    assert facts.deals[1].developer == DEVELOPER
    assert facts.deals[1].apps == [(2, APP)]
    assert facts.deals[1].peers == [OURS, OTHER]
    assert facts.deals[1].assignments == {10: OURS, 11: OTHER}


def test_match__of_others__does_not_concern_us(facts):
    assert apply(facts, block(1, assigned(peer=OTHER), created()), block(2)) == [False, False]


def test_refill__with_this_peer__knows_the_deal_made_before(facts):
    apply(facts, block(1, assigned(peer=OTHER), created()), block(2, assigned(11)))

    assert facts.deals[1].developer == DEVELOPER
    assert facts.assignments[11].deal == 1


@pytest.mark.parametrize(
    "event",
    [
        events.AppChanged(1, NEXT_APP),
        events.Stopped(1, 5, 0),
        events.DealBalance(1, DEVELOPER, 5),
        events.Activated(11, 1, 5, 0, 1, 1),
        events.Ended(11, 1, OTHER, 5, 1, 0, 1, 1),
        events.Lapsed(1, 0, 5, 0),
        events.Claimed(10, DEVELOPER, 5, 1, 1),
        events.PeerUnits(OURS, 9),
    ],
)
def test_event__of_our_deals_or_assignments__concerns_us(facts, event):
    apply(facts, block(1, registered(OURS)), block(2, assigned(), created()))

    assert apply(facts, block(3, event)) == [True]


@pytest.mark.parametrize(
    "event",
    [
        events.AppChanged(2, NEXT_APP),
        events.Claimed(99, DEVELOPER, 5, 1, 1),
        events.PeerUnits(OTHER, 9),
        events.Deposited(DEVELOPER, 1, 1),
    ],
)
def test_event__of_others__does_not_concern_us(facts, event):
    apply(facts, block(1, assigned(), created()))

    assert apply(facts, block(3, event)) == [False]


def test_rollback__takes_back_what_was_above(facts):
    apply(facts, block(1, assigned(), created()), block(2, events.AppChanged(1, NEXT_APP)))
    before = facts.deals[1].apps[:1]
    apply(facts, block(3, assigned(11, deal=2), created(deal=2)))

    apply(facts, Rollback(ref(1)))

    assert facts.deals[1].apps == before
    assert list(facts.assignments) == [10]
    assert list(facts.deals) == [1]
    assert [entry.number for entry in facts.tail] == [1]


def test_apply_undo_apply__equals_apply(facts):
    other = Facts(1, ZERO_ADDRESS, OURS)
    apply(
        facts,
        block(1, assigned(), created()),
        block(2, events.AppChanged(1, NEXT_APP)),
        Rollback(ref(1)),
        block(2, assigned(12), fork=1),
    )
    apply(other, block(1, assigned(), created()), block(2, assigned(12), fork=1))

    assert facts == other


def test_tail__long_chain__is_bounded(facts):
    apply(facts, *(block(number) for number in range(1, 2 * DEPTH)))

    assert len(facts.tail) == DEPTH
    assert facts.tail[-1].number == 2 * DEPTH - 1


def test_find_peer__key_of_another_registration__needs_our_wallet_too(facts):
    thief = to_address(b"t" * 20)
    apply(facts, block(1, registered(OTHER, wallet=thief)), block(2, registered(OURS)))

    assert facts.find_peer(KEY, WALLET) == OURS
    assert facts.find_peer(KEY, ZERO_ADDRESS) == 0
    apply(facts, block(3, events.PeerWallet(OTHER, WALLET)))
    assert facts.find_peer(KEY, WALLET) == OURS


def test_cleared__is_forgotten_once_deep(facts):
    apply(facts, block(1, assigned(), created()))

    facts.mark_cleared(10, 5, 0)
    facts.mark_cleared(10, 5 + DEPTH - 1, 0)
    assert 10 in facts.assignments
    facts.mark_held(10)
    facts.mark_cleared(10, 5 + DEPTH, 0)
    assert 10 in facts.assignments
    facts.mark_cleared(10, 5 + 2 * DEPTH, 0)
    assert 10 not in facts.assignments


def test_endpoint__changed__is_the_new_one(facts):
    apply(facts, block(1, registered(OTHER)), block(2, events.PeerEndpoint(OTHER, "http://new")))

    assert facts.peers[OTHER] == replace(facts.peers[OTHER], endpoint="http://new")

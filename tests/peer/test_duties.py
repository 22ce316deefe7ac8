"""What a peer owes the chain, from what the chain says."""

from dataclasses import replace

import pytest

from peer.chain_state.view import (
    Assignment,
    ChainView,
    Deal,
    OnchainDealState,
    State,
    is_serving,
    serving_until,
)
from peer.duties.due_calls import DueCalls, Outlook, find_due_calls
from wasmarket.chain.reading.blocks import BlockRef
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, to_address
from wasmarket.kernel.billing import NO_END
from wasmarket.kernel.deployment import Parameters
from wasmarket.kernel.reasons import LeaveReason

pytestmark = pytest.mark.unit

PARAMETERS = Parameters(60, 60, 3, 1, 100, 10, 840, 1, 1, 2, 50, 3, 50, 100, 7)
EPOCH = 100
NOW = EPOCH * 60

DEAL = Deal(
    id=1,
    developer=ZERO_ADDRESS,
    app=ZERO_HASH,
    balance=1_000,
    rate=10,
    end=NO_END,
    status=OnchainDealState.RUNNING,
    runway=100,
    last_funded=EPOCH + 100,
)
PENDING = Assignment(
    id=7,
    deal=1,
    units=2,
    price=5,
    start=NOW,
    next=0,
    state=State.PENDING,
    alive=True,
    end_of=NO_END,
)
ACTIVE = replace(PENDING, state=State.ACTIVE, start=EPOCH - 5, next=EPOCH - 5)
ENDED = replace(ACTIVE, state=State.ENDED, alive=False, end_of=EPOCH - 2)


def chain_view(*assignments, deal=DEAL, now=NOW):
    return ChainView(
        peer=3,
        head=BlockRef(50, ZERO_HASH, ZERO_HASH, now),
        epoch=now // 60,
        assignments={held.id: held for held in assignments},
        deals={1: deal},
    )


def duties(view, *, ready=(), refused=None, proven=(), claim_every=0):
    outlook = Outlook(frozenset(ready), refused or {})
    view = replace(view, committed=frozenset(proven))
    return find_due_calls(view, outlook, PARAMETERS, claim_every=claim_every)


def test_duties__nothing_there__none():
    assert duties(chain_view()) == DueCalls()
    assert duties(chain_view()).is_empty


def test_pending__not_ready__waits():
    assert duties(chain_view(PENDING)).is_empty


def test_pending__ready_and_funded__is_activated():
    assert duties(chain_view(PENDING), ready=[7]) == DueCalls(activate=(7,))


@pytest.mark.parametrize(("balance", "funded"), [(30, True), (29, False)])
def test_pending__balance_for_share_rate_and_own_rate__is_the_limit(balance, funded):
    # In the first second of an epoch the share is the whole rate: 10 + 10 + 10.
    view = chain_view(PENDING, deal=replace(DEAL, balance=balance))

    assert duties(view, ready=[7]).activate == ((7,) if funded else ())


def test_pending__unfunded_for_long__is_activated_all_the_same():
    # The chain gives it back without a fault.
    poor = replace(DEAL, balance=0)
    view = chain_view(PENDING, deal=poor, now=NOW + 30)
    later = chain_view(PENDING, deal=poor, now=NOW + 31)

    assert duties(view, ready=[7]).is_empty
    assert duties(later, ready=[7]) == DueCalls(activate=(7,))


def test_pending__of_a_metered_deal__needs_no_funds():
    metered = replace(DEAL, balance=0, rate=0, meter=to_address(b"m" * 20))

    assert duties(chain_view(PENDING, deal=metered), ready=[7]).activate == (7,)


@pytest.mark.parametrize(("blocks", "committed"), [(11, ()), (12, (EPOCH - 1,))])
def test_commit__waits_until_the_epoch_is_settled(blocks, committed):
    view = replace(chain_view(ACTIVE), epoch_blocks=blocks)

    found = find_due_calls(view, Outlook(), PARAMETERS, settle_blocks=12)

    assert found.commit == committed


@pytest.mark.parametrize("state", [State.METERED, State.CLOSED])
def test_commit__metered__each_epoch_until_its_end(state):
    held = replace(ACTIVE, state=state, next=0, alive=False, end_of=EPOCH - 1)
    over = replace(held, end_of=EPOCH - 2)

    assert duties(chain_view(held)).commit == (EPOCH - 1,)
    assert duties(chain_view(over)).commit == ()


def test_metered__dead__is_released_but_never_claimed():
    dead = replace(ACTIVE, state=State.METERED, next=0, alive=False, end_of=EPOCH - 1)

    found = duties(chain_view(dead), proven=[EPOCH - 1], claim_every=1)

    assert (found.release, found.claim) == ((7,), ())


def test_pending__refused__is_left_with_its_reason():
    other = replace(PENDING, id=8)
    reasons = {7: LeaveReason.BAD_MODULE, 8: LeaveReason.CONTENT_NOT_FOUND}

    found = duties(chain_view(PENDING, other), ready=[7], refused=reasons)

    assert found.activate == ()
    assert found.leave == (
        (LeaveReason.CONTENT_NOT_FOUND, (8,)),
        (LeaveReason.BAD_MODULE, (7,)),
    )


def test_active__refused_later__is_not_left():
    found = duties(chain_view(ACTIVE), refused={7: LeaveReason.BAD_MODULE}, proven=[EPOCH - 1])

    assert found.is_empty


@pytest.mark.parametrize(
    ("held", "released"),
    [
        (replace(PENDING, alive=False), True),
        (replace(ACTIVE, alive=False, end_of=EPOCH), False),
        (replace(ACTIVE, alive=False, end_of=EPOCH - 1), True),
        (ACTIVE, False),
        (ENDED, False),
    ],
)
def test_release__dead_and_no_longer_served__only(held, released):
    assert duties(chain_view(held), proven=[EPOCH - 1]).release == ((7,) if released else ())


@pytest.mark.parametrize(
    ("held", "committed"),
    [
        (ACTIVE, True),
        (replace(ACTIVE, start=EPOCH - 1, next=EPOCH - 1), True),
        (replace(ACTIVE, start=EPOCH, next=EPOCH), False),
        (PENDING, False),
        (replace(ENDED, end_of=EPOCH - 1), True),
        (ENDED, False),
        (replace(ACTIVE, alive=False, end_of=EPOCH - 1), True),
    ],
)
def test_commit__while_pay_for_the_epoch_is_open__only(held, committed):
    assert duties(chain_view(held)).commit == ((EPOCH - 1,) if committed else ())
    assert duties(chain_view(held), proven=[EPOCH - 1]).commit == ()


def test_commit__wider_window__oldest_first():
    wide = replace(PARAMETERS, proof_window=3)
    view = replace(chain_view(ACTIVE), committed=frozenset({EPOCH - 2}))
    found = find_due_calls(view, Outlook(), wide)

    assert found.commit == (EPOCH - 3, EPOCH - 1)


@pytest.mark.parametrize(
    ("every", "held", "claimed"),
    [
        (0, ACTIVE, False),
        (10, ACTIVE, True),
        (7, ACTIVE, False),
        (10, replace(ACTIVE, next=EPOCH - 2), True),
        (10, replace(ACTIVE, next=EPOCH - 1), False),
        (10, ENDED, True),
        (10, replace(ENDED, next=EPOCH - 1), False),
    ],
)
def test_claim__every_so_many_epochs__what_is_final(every, held, claimed):
    found = duties(chain_view(held), proven=[EPOCH - 1], claim_every=every)

    assert found.claim == ((7,) if claimed else ())


def test_duties__more_than_a_batch__are_cut():
    many = [replace(PENDING, id=i) for i in range(1, 101)]
    rich = replace(DEAL, balance=10**9)

    assert duties(chain_view(*many, deal=rich), ready=range(200)).activate == tuple(range(1, 65))


@pytest.mark.parametrize(
    ("held", "deal", "until"),
    [
        (PENDING, DEAL, -1),
        (ACTIVE, DEAL, EPOCH + 100),
        (replace(ACTIVE, end_of=EPOCH + 3), DEAL, EPOCH + 3),
        (replace(ACTIVE, alive=False, end_of=EPOCH), DEAL, EPOCH),
        (ENDED, DEAL, EPOCH - 2),
        (replace(ENDED, end_of=EPOCH), DEAL, EPOCH),
    ],
)
def test_serving_until__every_state__is_the_last_paid_epoch(held, deal, until):
    assert serving_until(held, deal) == until
    assert is_serving(held, deal, until) or until < 0
    assert not is_serving(held, deal, until + 1)

"""A duty that fails pauses by itself: it delays no other, and says why it fails."""

import pytest

from peer.duties.attempts import DutyAttempts
from peer.duties.due_calls import DueCalls, Outlook
from tests.peer.test_listener import DOMAIN, Acting, Scene
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH
from wasmarket.kernel.errors import NotFound, Reverted, Unreachable
from wasmarket.kernel.events.audits import CaseKind
from wasmarket.kernel.signing.usage import AssignmentUsage, sign_usage
from wasmarket.serving.daemon import Pace, ThreadLoop

pytestmark = pytest.mark.unit

CASE = 5


@pytest.fixture
def acting(tmp_path):
    scene = Scene(tmp_path)
    scene.register()
    scene.match()
    made = Acting(scene)
    made.turn()
    return made


def ask(acting, epoch=1):
    acting.scene.chain.mine(
        events.Opened(CASE, 7, ZERO_ADDRESS, int(CaseKind.ASK), epoch, 0, ZERO_HASH)
    )


def test_act__ask_cannot_be_answered__the_next_match_is_activated_at_once(acting):
    loop = ThreadLoop("submitting", acting.agent.act, Pace(acting.agent.pause))
    ask(acting)
    acting.listener.step()
    loop.take_turn()
    acting.outlook = Outlook(frozenset({7, 8}))
    acting.scene.match(assignment=8)
    acting.listener.step()
    loop.take_turn()

    assert acting.sent == ["activate", "activate"]
    assert loop.problem == ""
    [problem] = acting.agent.problems()
    assert "case 5 asks for receipt 0" in problem


def test_act__commit_is_refused__the_next_match_is_activated_and_the_commit_waits(acting):
    tried = []

    def refuse(*_):
        tried.append(1)
        raise Reverted("proofs: epoch final", reason="proofs: epoch final")

    acting.scene.chain.handle("Proofs", "commit", refuse)
    acting.scene.chain.advance(60)
    acting.turn()
    acting.outlook = Outlook(frozenset({7, 8}))
    acting.scene.match(assignment=8)
    acting.turn()

    assert acting.sent == ["activate", "activate"]
    assert len(tried) == 1
    acting.turn()
    assert len(tried) == 1
    acting.clock += acting.agent.pause()
    acting.turn()
    assert len(tried) == 2


def test_act__duty_is_no_longer_owed__its_failure_is_forgotten(acting):
    ask(acting)
    acting.turn()
    assert acting.agent.problems()

    acting.scene.chain.mine(events.Closed(CASE, 7, 1, 0))
    acting.turn()

    assert (acting.agent.problems(), acting.agent.pause()) == ([], None)


@pytest.fixture
def redeeming(acting, monkeypatch):
    """An agent that has a voucher to redeem, which the chain does not pay."""
    voucher = sign_usage(DOMAIN, AssignmentUsage(7, 500), b"\x05" * 32)
    monkeypatch.setattr(acting.agent, "_find", lambda _: DueCalls(redeem=(7,)))
    monkeypatch.setattr(acting.agent._papers.vouchers, "find", lambda _: voucher)
    return acting


def test_act__node_is_away_while_redeeming__redeems_the_same_voucher_later(redeeming):
    acting, tried = redeeming, []

    def redeem(*_):
        tried.append(1)
        if len(tried) == 1:
            raise Unreachable("the node is away")
        return [events.Skipped(7, 45)]

    acting.scene.chain.handle("Meter", "redeem", redeem)
    acting.scene.chain.mine()
    with pytest.raises(Unreachable):
        acting.turn()
    acting.turn()
    acting.scene.chain.mine()
    acting.turn()

    assert acting.sent == ["activate", "redeem"]


def test_act__payment_is_not_in_the_standing__is_redeemed_again(redeeming):
    # The next block shows the assignment unpaid: a reorganisation has taken the payment back.
    acting = redeeming
    paid = events.Redeemed(7, 1, 500, 1, 0, 1_000)
    acting.scene.chain.handle("Meter", "redeem", lambda *_: [paid])
    acting.turn()
    acting.scene.chain.reorg(1)
    acting.scene.chain.mine()

    acting.turn()

    assert acting.sent == ["activate", "redeem", "redeem"]


def fail(error):
    def duty():
        raise error

    return duty


def test_attempt__goes_on_failing__pauses_ever_longer_up_to_the_longest():
    now = [0.0]
    attempts = DutyAttempts(Pace(None, first_pause=1.0, longest_pause=3.0), lambda: now[0])
    pauses = []
    for _ in range(4):
        attempts.attempt("answer", fail(NotFound("not here")))
        pauses.append(attempts.pause())
        now[0] += pauses[-1]

    assert pauses == [1.0, 2.0, 3.0, 3.0]


def test_attempt__disk_does_not_take_it__is_the_duty_s_own_failure():
    attempts = DutyAttempts(Pace(None))

    attempts.attempt("save", fail(OSError(28, "No space left on device")))

    assert len(attempts.problems) == 1


def test_attempt__node_is_away__is_told_to_the_caller():
    with pytest.raises(Unreachable):
        DutyAttempts(Pace(None)).attempt("commit", fail(Unreachable("the node is away")))

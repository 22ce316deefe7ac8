"""What papers are worth: honest ones their work, others the contradiction that convicts."""

from dataclasses import replace

import pytest

from meter.papers.examine import Claim, ContradictionKind, Papers, SignedReceipt, examine
from tests.meter.shown_papers import Chain, ShownEpoch
from tests.peer.receipt_logs import DOMAIN, WALLET
from wasmarket.kernel.audits.evidence import build_summed
from wasmarket.kernel.documents.receipts import (
    CallStatus,
    call_work,
    pack_receipt,
    receipt_hash,
)
from wasmarket.kernel.signing.heads import SignedHead
from wasmarket.kernel.signing.usage import ReceiptHead, sign_head

pytestmark = pytest.mark.unit

PEER, DEAL, ASSIGNMENT, EPOCH = 3, 7, 9, 5


def chain():
    return Chain(PEER, DEAL, ASSIGNMENT)


def other_summary(epoch=EPOCH):
    return Chain(PEER, 8, 10).sum_up(epoch, [])


def papers_of(shown):
    summaries = tuple(
        build_summed(summary, place, len(shown.summaries), shown.tree.prove(place))
        for place, summary in enumerate(shown.summaries)
        if summary.assignment == ASSIGNMENT
    )
    return Papers(summaries, tuple(pack_receipt(receipt) for receipt in shown.receipts))


def claim_of(shown, previous=None, signed=(), epoch=EPOCH):
    return Claim(PEER, DEAL, ASSIGNMENT, epoch, 60, shown.root, previous, tuple(signed))


def found(shown, **known):
    return examine(claim_of(shown, **known), papers_of(shown))


def signed(receipt):
    head = ReceiptHead(ASSIGNMENT, receipt.sequence, receipt_hash(pack_receipt(receipt)))
    return SignedReceipt(
        pack_receipt(receipt), SignedHead(head, sign_head(DOMAIN, head, WALLET.key))
    )


def test_honest__busy_and_idle_epochs__are_worth_their_work():
    made = chain()
    receipts = made.run(EPOCH, 5)
    busy = ShownEpoch([made.sum_up(EPOCH, receipts), other_summary()], receipts)
    first = found(busy)
    idle = ShownEpoch([made.sum_up(EPOCH + 1, [])], [])
    second = found(idle, previous=first.summed, epoch=EPOCH + 1)

    assert (first.problem, second.problem) == ("", "")
    assert (first.receipts, second.receipts) == (5, 0)
    assert first.work == sum(call_work(r.status, r.fuel, r.size) for r in receipts)
    assert second.work == 0


def test_honest__with_heads_that_were_signed__is_fine():
    made = chain()
    receipts = made.run(EPOCH)

    assert (
        found(
            ShownEpoch([made.sum_up(EPOCH, receipts)], receipts), signed=map(signed, receipts)
        ).problem
        == ""
    )


def test_honest__refused_calls__count_no_work():
    made = chain()
    receipts = made.run(EPOCH, status=CallStatus.REFUSED)

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts)], receipts))

    assert finding.work == call_work(CallStatus.ANSWERED, 1_000, 10) + call_work(
        CallStatus.ANSWERED, 1_002, 10
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"deal": 6},
        {"status": 9},
        {"assignment": 8},
        {"sequence": 5},
        {"time": EPOCH * 60 - 1},
        {"time": EPOCH * 60 + 60},
    ],
)
def test_receipt__that_does_not_belong_there__is_a_contradiction(changed):
    made = chain()
    receipts = made.run(EPOCH, **changed)

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts)], receipts))

    assert finding.contradiction.kind == ContradictionKind.RECEIPT
    assert finding.contradiction.called.place == 1


@pytest.mark.parametrize("changed", [{"fuel": 5}, {"work": 5}])
def test_summary__below_one_of_its_receipts__is_a_contradiction(changed):
    made = chain()
    receipts = made.run(EPOCH)

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts, **changed)], receipts))

    assert finding.contradiction.kind == ContradictionKind.RECEIPT


def test_receipts__kept_back__the_first_of_them_is_asked_for():
    made = chain()
    receipts = made.run(EPOCH, 5)
    shown = ShownEpoch([made.sum_up(EPOCH, receipts)], receipts[:3])

    finding = found(shown)

    assert (finding.must_ask, finding.sequence) == (True, receipts[3].sequence)


def test_receipts__others_than_under_the_root__any_may_be_asked_for():
    made = chain()
    receipts = made.run(EPOCH, 5)
    others = [replace(receipt, output=b"x" * 32) for receipt in receipts]
    shown = ShownEpoch([made.sum_up(EPOCH, receipts)], others)

    assert {found(shown).sequence for _ in range(200)} == {r.sequence for r in receipts}


@pytest.mark.parametrize("changed", [{"fuel": 10**9}, {"work": 10**12}])
def test_summary__above_its_receipts__is_not_paid(changed):
    made = chain()
    receipts = made.run(EPOCH)

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts, **changed)], receipts))

    assert finding.contradiction is None
    assert not finding.must_ask
    assert (finding.work, bool(finding.problem)) == (0, True)


def test_chain__broken_within_an_epoch__is_a_contradiction():
    made = chain()
    receipts = made.run(EPOCH, previous=b"x" * 32)

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts)], receipts))

    contradiction = finding.contradiction
    assert contradiction.kind == ContradictionKind.LINK
    assert (contradiction.called.place, contradiction.other_called.place) == (0, 1)


def test_summary__with_another_head__is_a_contradiction():
    made = chain()
    receipts = made.run(EPOCH)

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts, chain_head=b"h" * 32)], receipts))

    assert finding.contradiction.kind == ContradictionKind.HEAD
    assert finding.contradiction.called.place == 2


def test_two_summaries__in_one_tree__are_a_contradiction():
    made = chain()
    receipts = made.run(EPOCH)
    shown = ShownEpoch(
        [made.sum_up(EPOCH, receipts), made.sum_up(EPOCH, receipts, work=1)], receipts
    )

    contradiction = found(shown).contradiction

    assert contradiction.kind == ContradictionKind.TWO_SUMMARIES
    assert contradiction.summed.leads_to(shown.root)
    assert contradiction.other.leads_to(shown.root)


def before(made):
    receipts = made.run(EPOCH - 1)
    shown = ShownEpoch([made.sum_up(EPOCH - 1, receipts)], receipts)
    return found(shown, epoch=EPOCH - 1).summed


def test_epochs__that_overlap__are_a_contradiction():
    made = chain()
    previous = before(made)
    made.sequence -= 1
    receipts = made.run(EPOCH)

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts)], receipts), previous=previous)

    assert finding.contradiction.kind == ContradictionKind.OVERLAP
    assert finding.contradiction.summed == previous


def test_epochs__that_do_not_follow__are_a_contradiction():
    made = chain()
    previous = before(made)
    made.head = b"x" * 32
    receipts = made.run(EPOCH)

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts)], receipts), previous=previous)

    assert finding.contradiction.kind == ContradictionKind.EPOCH_LINK
    assert finding.contradiction.other_called.place == 0


def test_epochs__with_numbers_left_out_between__are_not_said_to_be_linked():
    made = chain()
    before = found(ShownEpoch([made.sum_up(EPOCH, (r := made.run(EPOCH)))], r)).summed
    made.sequence, made.head = made.sequence + 5, b"x" * 32
    receipts = made.run(EPOCH + 1)
    shown = ShownEpoch([made.sum_up(EPOCH + 1, receipts)], receipts)

    finding = found(shown, previous=before, epoch=EPOCH + 1)

    assert finding.contradiction is None


def test_receipt__signed_and_changed__is_a_contradiction():
    made = chain()
    receipts = made.run(EPOCH)
    promised = signed(replace(receipts[1], output=b"x" * 32))

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts)], receipts), signed=[promised])

    contradiction = finding.contradiction
    assert contradiction.kind == ContradictionKind.SIGNED_OTHER
    assert contradiction.head == promised.head
    assert contradiction.called.place == 1


@pytest.mark.parametrize("epoch", [EPOCH, EPOCH - 1])
def test_receipt__signed_and_left_out__is_a_contradiction(epoch):
    made = chain()
    receipts = made.run(EPOCH, 4)
    promised = signed(replace(receipts[3], time=epoch * 60 + 9))
    made.sequence -= 1

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts[:3])], receipts[:3]), signed=[promised])

    assert finding.contradiction.kind == ContradictionKind.LEFT_OUT


def test_receipt__signed_in_a_later_epoch__says_nothing_of_this_one():
    made = chain()
    receipts = made.run(EPOCH, 3)
    later = signed(replace(receipts[2], sequence=3, time=(EPOCH + 1) * 60))

    finding = found(ShownEpoch([made.sum_up(EPOCH, receipts)], receipts), signed=[later])

    assert finding.problem == ""


@pytest.mark.parametrize("lie", ["garbage", "omitted", "of another", "other receipts", "withheld"])
def test_papers__that_no_root_leads_to__are_asked_for(lie):
    made = chain()
    receipts = made.run(EPOCH)
    summary = made.sum_up(EPOCH, receipts)
    shown = {
        "garbage": ShownEpoch([summary], receipts, root=b"r" * 32),
        "omitted": ShownEpoch([other_summary()], receipts),
        "of another": ShownEpoch([replace(summary, peer=4)], receipts),
        "other receipts": ShownEpoch([summary], made.run(EPOCH)),
        "withheld": ShownEpoch([summary], receipts[:2]),
    }[lie]

    finding = found(shown)

    assert finding.must_ask
    assert (finding.contradiction, finding.work) == (None, 0)


def test_receipt__other_than_its_caller_was_given__is_not_paid():
    made = chain()
    receipts = made.run(EPOCH)
    shown = ShownEpoch([made.sum_up(EPOCH, receipts)], receipts)
    given = receipt_hash(pack_receipt(receipts[1]))

    def judge(seen):
        return examine(replace(claim_of(shown), seen=seen), papers_of(shown))

    assert judge({1: given, 99: b"x" * 32}).problem == ""
    assert "caller" in judge({1: b"x" * 32}).problem

"""Calls run again by chance: what differs is not paid, what cannot be told is."""

import base64

import pytest

from meter.chain.facts import ChainFacts, KnownAssignment
from meter.journal import Journal
from meter.rerun import Reruns
from meter.seen import CallSeen, SeenCalls
from tests.meter.shown_papers import Chain, ShownEpoch
from tests.meter.test_examine import found
from wasmarket.kernel.audits.juries import FALSE_IN_ITSELF
from wasmarket.kernel.documents.receipts import CallStatus, pack_receipt, value_digest
from wasmarket.kernel.errors import InvalidInput, NotFound
from wasmarket.kernel.hashing import sha256

pytestmark = pytest.mark.unit

INPUT = b'["you"]'
EPOCH = 5


@pytest.fixture
def shown():
    made = Chain(3, 7, 9)
    receipts = made.run(EPOCH, input=sha256(INPUT))
    return ShownEpoch([made.sum_up(EPOCH, receipts)], receipts)


def compare(shown, value, *, known=INPUT, share=1.0, choose=lambda: 0.5):
    reruns = Reruns(
        lambda calls: [value] * len(calls),
        lambda digest: known if digest == sha256(INPUT) else None,
        share,
        choose,
    )
    packed = [pack_receipt(receipt) for receipt in shown.receipts]
    return reruns.compare(found(shown), packed), reruns.done


def true_value(shown):
    receipt = shown.receipts[1]
    return value_digest(receipt.output, 0, receipt.fuel, receipt.size)


def test_rerun__same_value__is_paid(shown):
    finding, done = compare(shown, true_value(shown))

    assert (finding.problem, done) == ("", 1)
    assert finding.work > 0


@pytest.mark.parametrize("value", [b"v" * 32, FALSE_IN_ITSELF])
def test_rerun__another_value__accuses_the_receipt(shown, value):
    finding, _ = compare(shown, value)

    assert "running the call again" in finding.problem
    assert finding.accused.place == 1
    assert finding.accused.leads_to(finding.summed.summary)
    assert finding.work == 0


def test_rerun__that_cannot_tell__is_paid(shown):
    assert compare(shown, None)[0].problem == ""


def test_rerun__input_unknown_or_not_chosen__runs_nothing(shown):
    assert compare(shown, b"v" * 32, known=None)[1] == 0
    assert compare(shown, b"v" * 32, share=0.5)[1] == 0
    assert compare(shown, b"v" * 32, share=0.51)[1] == 1


def test_rerun__refused_calls__are_left_alone():
    made = Chain(3, 7, 9)
    receipts = made.run(EPOCH, input=sha256(INPUT), status=CallStatus.REFUSED)
    shown = ShownEpoch([made.sum_up(EPOCH, receipts)], receipts)

    assert compare(shown, b"v" * 32)[1] == 0


@pytest.fixture
def seen(tmp_path):
    facts = ChainFacts(60)
    facts.assignments[9] = KnownAssignment(9, 7, 3, 1, 1, opened=1)
    journal = Journal(tmp_path / "journal.jsonl")
    yield SeenCalls(journal, tmp_path / "inputs", lambda: facts)
    journal.close()


def seen_call(assignment=9, sequence=4):
    return CallSeen(f"{assignment}:{sequence}:{'ab' * 32}", base64.b64encode(INPUT).decode())


def test_seen__call__is_kept_once_with_its_input(seen, tmp_path):
    assert [seen.take(seen_call()), seen.take(seen_call())] == [True, False]

    assert seen.read_input(sha256(INPUT)) == INPUT
    again = Journal(tmp_path / "journal.jsonl", is_read_only=True)
    assert [line["what"] for line in again.read()] == ["seen"]


def test_seen__input_file_changed__is_none(seen, tmp_path):
    seen.take(seen_call())
    (tmp_path / "inputs" / sha256(INPUT).hex()).write_bytes(b"other")

    assert seen.read_input(sha256(INPUT)) is None


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (seen_call(assignment=8), NotFound),
        (CallSeen("9:4:short"), InvalidInput),
        (CallSeen(f"9:4:{'ab' * 32}", "no base64!"), InvalidInput),
    ],
)
def test_seen__call_that_is_none__is_refused(seen, call, error):
    with pytest.raises(error):
        seen.take(call)

"""What a gateway saw is taken by a share, bounded, and from the peer that it is about."""

import os
from types import SimpleNamespace

import pytest

from meter.chain.facts import ChainFacts, KnownAssignment
from meter.journal import Journal
from meter.seen import SeenCalls
from meter.witness import MOST_WAITING, CallWitness, prune_inputs
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.hashing import sha256

pytestmark = pytest.mark.unit

RECEIPT = "9:4:" + "ab" * 32


class Hearing:
    """A witness of assignment 9, which peer 3 has; `concerned` are those that are seen to."""

    def __init__(self, folder, share=1.0, most_input=100, draw=0.5):
        held = KnownAssignment(9, 7, 3, 1, 1, opened=1)
        self.facts = ChainFacts(60, assignments={9: held})
        self.concerned = [held]
        self.journal = Journal(folder / "journal.jsonl")
        self.seen = SeenCalls(self.journal, folder / "inputs", lambda: self.facts)
        self.heads = []
        self.woken = 0
        self.witness = CallWitness(
            SimpleNamespace(take=self._take_heads),
            self.seen,
            SimpleNamespace(facts=self.facts, find_concerned=lambda facts: self.concerned),
            share=share,
            most_input=most_input,
            prune=lambda: prune_inputs(folder / "inputs", 10),
            choose=lambda: draw,
        )
        self.witness.on_news = self._wake

    def _wake(self):
        self.woken += 1

    def _take_heads(self, lines):
        self.heads += lines
        raise NotFound("the peer shows no such receipt")

    def hear(self, peer=3, receipt=RECEIPT, head="", body=b"[]"):
        self.witness.hear(peer, receipt, head, body)
        self.witness.step()
        return dict(self.journal.book(9).seen)


@pytest.fixture
def make(tmp_path):
    made = []

    def make_one(**given):
        made.append(Hearing(tmp_path, **given))
        return made[-1]

    yield make_one
    for hearing in made:
        hearing.journal.close()


def test_hear__call_of_a_deal_that_is_seen_to__is_kept_with_its_input(make):
    hearing = make()

    assert hearing.hear() == {4: bytes.fromhex("ab" * 32)}
    assert hearing.seen.read_input(sha256(b"[]")) == b"[]"
    assert hearing.woken == 1


def test_hear__signed_head__is_taken_and_its_refusal_ends_nothing(make):
    hearing = make()

    assert hearing.hear(head="9:4:…") == {4: bytes.fromhex("ab" * 32)}
    assert hearing.heads == ["9:4:…"]


@pytest.mark.parametrize(
    "given",
    [
        {"peer": 4},
        {"receipt": "no receipt"},
        {"receipt": "8:4:" + "ab" * 32},
        {"receipt": "9" * 10 + ":4:" + "ab" * 32},
        {"body": b"x" * 101},
    ],
)
def test_hear__of_another_peer_or_deal_or_too_long__is_passed_over(make, given):
    hearing = make()

    assert hearing.hear(**given) == {}
    assert hearing.heads == []


def test_hear__deal_that_another_meter_sees_to__is_passed_over(make):
    hearing = make()
    hearing.concerned = []

    assert hearing.hear() == {}


def test_hear__call_outside_the_share__is_let_go_at_once(make):
    hearing = make(share=0.01, draw=0.01)

    assert hearing.hear() == {}
    assert hearing.woken == 0


def test_hear__more_than_can_be_written__keeps_the_newest(make):
    hearing = make()
    for sequence in range(MOST_WAITING + 5):
        hearing.witness.hear(3, f"9:{sequence}:" + "ab" * 32, "", b"[]")

    hearing.witness.step()

    assert sorted(hearing.journal.book(9).seen) == list(range(5, MOST_WAITING + 5))


def test_prune__inputs_beyond_the_bytes__the_oldest_go(tmp_path):
    for age, name in enumerate(("new", "old", "oldest")):
        (tmp_path / name).write_bytes(b"x" * 6)
        os.utime(tmp_path / name, (1_000 - age, 1_000 - age))

    prune_inputs(tmp_path, 12)
    prune_inputs(tmp_path / "not there", 1)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]

"""What the journal says was done and the chain does not have: a reorganisation took it. Pure."""

from collections.abc import Iterator

from meter.chain.facts import ChainFacts
from meter.journal import Journal


def find_undone(journal: Journal, facts: ChainFacts, head: int) -> Iterator[tuple[int, int, int]]:
    """Yield assignment, epoch and case (0: a contradiction) of what is to be done again.

    Only of blocks up to `head`: later ones have not been read yet.
    """
    for case, ours in journal.cases.items():
        opened = facts.opened.get(case)
        about = None if opened is None else (opened.assignment, opened.epoch)
        # Lines of older versions do not name their block.
        if 0 < ours.block <= head and about != (ours.assignment, ours.epoch):
            yield ours.assignment, ours.epoch, case
    for assignment, (epoch, block) in journal.convictions.items():
        held = facts.assignments.get(assignment)
        if block <= head and (held is None or not held.is_convicted):
            yield assignment, epoch, 0


def find_undropped(journal: Journal, facts: ChainFacts, head: int) -> Iterator[int]:
    """Yield the assignments that were dropped and are open."""
    for assignment, block in journal.drops.items():
        held = facts.assignments.get(assignment)
        if block <= head and held is not None and held.end is None:
            yield assignment

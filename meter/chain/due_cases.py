"""Which cases may be gone on with, by their time. Pure."""

from collections.abc import Iterator

from meter.chain.facts import ChainFacts
from wasmarket.kernel.audits.juries import DRAW_PART
from wasmarket.kernel.audits.times import ANSWER_EPOCHS
from wasmarket.kernel.events.audits import CaseState

PHASES = {CaseState.OPEN: 1, CaseState.DRAWN: 2, CaseState.SHOWN: 1}
"""Epochs that each phase of an accusation lasts."""


def find_due_cases(facts: ChainFacts, interesting: set[int], now: int) -> Iterator[tuple[int, str]]:
    """Yield the cases whose phase is over, or whose jury may be drawn, and what is to be called."""
    seconds = facts.epoch_seconds
    for case, asked in facts.asks.items():
        if asked.assignment in interesting and now >= asked.since + ANSWER_EPOCHS * seconds:
            yield case, "resolve"
    for case, trial in facts.trials.items():
        if trial.assignment not in interesting:
            continue
        passed = now - trial.since
        if trial.state == CaseState.OPEN and max(1, seconds // DRAW_PART) <= passed < seconds:
            yield case, "draw"
        elif passed >= PHASES[trial.state] * seconds:
            yield case, "resolve"

"""Decide what this peer sends in trials: as a juror, and as the accused, who wants the draw. Pure.

Phases are over when time and blocks are (CONTRACTS 8): one blocks count for each epoch of them.
"""

from collections.abc import Container
from dataclasses import dataclass

from peer.chain_state.trials import Trial
from peer.chain_state.view import ChainView
from wasmarket.kernel.addresses import ZERO_HASH
from wasmarket.kernel.audits.juries import DRAW_PART
from wasmarket.kernel.deployment import Parameters
from wasmarket.kernel.events.audits import CaseState
from wasmarket.kernel.units import Hash

VOTE_EPOCHS = 2


@dataclass(frozen=True, slots=True)
class TrialCall:
    """A call of Audits; `place` where a vote is meant, on the `receipt` of that hash."""

    function: str
    case: int
    place: int | None = None
    receipt: Hash = ZERO_HASH


def find_trial_calls(
    chain_view: ChainView, parameters: Parameters, ballots: Container[tuple[int, Hash]]
) -> tuple[TrialCall, ...]:
    """Return what is to be sent; `ballots`: the cases whose vote is on the disk, each with
    the hash of the receipt that it is about: a reorganisation gives numbers to other cases.
    """
    found: list[TrialCall] = []
    for trial in chain_view.trials:
        has_ballot = (trial.case, trial.receipt) in ballots
        match trial.state:
            case CaseState.OPEN:
                found += _draw(chain_view, parameters, trial)
            case CaseState.DRAWN if _is_after(chain_view, parameters, trial, VOTE_EPOCHS):
                found.append(TrialCall("resolve", trial.case))
            case CaseState.DRAWN if has_ballot:
                left = [place for place in trial.own_places if place not in trial.voted]
                found += [TrialCall("vote", trial.case, place, trial.receipt) for place in left]
            case CaseState.SHOWN if _is_after(chain_view, parameters, trial, 1):
                found.append(TrialCall("resolve", trial.case))
            case CaseState.SHOWN if has_ballot:
                voted = [place for place in trial.own_places if place in trial.voted]
                found += [
                    TrialCall("reveal", trial.case, place, trial.receipt)
                    for place in voted
                    if place not in trial.revealed
                ]
    return tuple(found)


def _draw(chain_view: ChainView, parameters: Parameters, trial: Trial) -> list[TrialCall]:
    # In the first block allowed: who grinds by a contract that reverts gets no second one.
    wait = max(1, parameters.epoch_seconds // DRAW_PART)
    if _is_after(chain_view, parameters, trial, 1):
        return [TrialCall("resolve", trial.case)]
    if chain_view.head.timestamp >= trial.since + wait:
        return [TrialCall("draw", trial.case)]
    return []


def _is_after(chain_view: ChainView, parameters: Parameters, trial: Trial, epochs: int) -> bool:
    head = chain_view.head
    return (
        head.timestamp >= trial.since + epochs * parameters.epoch_seconds
        and head.number >= trial.block + epochs * parameters.phase_blocks
    )

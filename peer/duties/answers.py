"""Answer asks: prove from receipts and closed epochs, the peer's own or a copy of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from peer.chain_state.view import OpenAsk
from peer.duties.commitments import read_commitment
from peer.receipts.epoch_files import EpochFiles
from peer.receipts.proofs import ReceiptTrees
from wasmarket.kernel.audits.evidence import (
    NO_RECEIPT,
    Called,
    Summed,
    build_called,
    build_summed,
)
from wasmarket.kernel.errors import MarketError, NotFound


@dataclass(frozen=True, slots=True)
class EvidencePlace:
    """A folder with `commitments/` and `receipts/<assignment>/`, as a peer has them."""

    path: Path

    def find(self, ask: OpenAsk, trees: ReceiptTrees) -> tuple[Summed, Called] | None:
        """Return what answers an ask, None if it is not all here."""
        closed = read_commitment(self.path / "commitments", ask.epoch)
        if closed is None:
            return None
        places = {s.assignment: place for place, s in enumerate(closed.summaries)}
        place = places.get(ask.assignment)
        if place is None:
            return None
        summary = closed.summaries[place]
        summed = build_summed(summary, place, len(places), closed.tree().prove(place))
        index = ask.sequence - summary.first_sequence
        if not 0 <= index < summary.count:
            # There is no such receipt: the summary says so.
            return summed, NO_RECEIPT
        chain = EpochFiles(self.path / "receipts" / str(ask.assignment))
        path = trees.prove(chain, summary, index)
        if path is None:
            return None
        [packed] = chain.read_some(ask.epoch, ask.sequence - 1, 1)
        return summed, build_called(packed, index, path)


class AnswerSource(Protocol):
    """What answers may be found in."""

    def find(self, ask: OpenAsk, trees: ReceiptTrees) -> tuple[Summed, Called] | None:
        """Return what answers an ask, None if it is not all there."""


class Answers:
    """Finds answers at the first place that has them whole."""

    def __init__(self, places: Sequence[AnswerSource]) -> None:
        self._places = [(place, ReceiptTrees()) for place in places]

    def find(self, ask: OpenAsk) -> tuple[Summed, Called]:
        """Return the evidence that answers an ask. Raises NotFound."""
        problems = ""
        for place, trees in self._places:
            try:
                found = place.find(ask, trees)
            except (MarketError, OSError) as error:
                # Another place may have it.
                problems += f"; {error}"
                continue
            if found is not None:
                return found
        raise NotFound(
            f"case {ask.case} asks for receipt {ask.sequence} of assignment {ask.assignment} in "
            f"epoch {ask.epoch}, which is not here whole{problems}",
            remedy="restore it within three epochs, or run `wasmarket peer answer` where a copy is",
        )

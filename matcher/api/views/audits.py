"""JSON of redeemed vouchers, and of what Audits did: cases, contradictions, seats."""

from typing import Any

from pydantic import BaseModel

from wasmarket.kernel.events.audits import CaseKind, CaseOutcome, CaseState
from wasmarket.kernel.units import Hash
from wasmarket.serving.amounts import Uint
from wasmarket.store.audit_views import CaseView, ContradictionView, RedemptionView, SeatView


class RedemptionJson(BaseModel):
    """A redeemed voucher: `paid` now for all `work` so far, `owed` still, `balance` of the deal."""

    assignment: int
    deal: int
    provider: str
    work: Uint
    paid: Uint
    owed: Uint
    balance: Uint
    log_index: int
    at: int
    tx: str
    in_block: int

    @classmethod
    def build(cls, view: RedemptionView) -> "RedemptionJson":
        """Render a redemption."""
        return cls(**_members(cls, view))


class CaseJson(BaseModel):
    """An ask or an accusation; `jury` has seats by place, `moved_at` is when its phase began."""

    id: int
    kind: str
    state: str
    outcome: str | None
    assignment: int
    by: str
    epoch: int
    sequence: Uint
    receipt: str
    jury: list[int] | None
    seized: Uint | None
    opened_block: int
    opened_at: int
    moved_at: int
    tx: str

    @classmethod
    def build(cls, view: CaseView) -> "CaseJson":
        """Render a case."""
        return cls(
            **_members(cls, view)
            | {
                "kind": CaseKind(view.kind).name.lower(),
                "state": CaseState(view.state).name.lower(),
                "outcome": None if view.outcome is None else CaseOutcome(view.outcome).name.lower(),
            }
        )


class VoteJson(BaseModel):
    """What the juror at a place of the jury did; `vote` null: committed and not shown."""

    place: int
    vote: str | None


class CaseDetail(BaseModel):
    """A case with its votes, as of a block."""

    case: CaseJson
    votes: list[VoteJson]
    block: int

    @classmethod
    def of(cls, view: CaseView, votes: dict[int, Hash | None], block: int) -> "CaseDetail":
        """Render a case and its votes."""
        rows = [VoteJson(place=place, vote=vote) for place, vote in votes.items()]
        return cls(case=CaseJson.build(view), votes=rows, block=block)


class ContradictionJson(BaseModel):
    """A peer that was convicted by its own words; `kind` as in the law of Audits."""

    assignment: int
    by: str
    kind: int
    seized: Uint
    log_index: int
    at: int
    tx: str
    in_block: int

    @classmethod
    def build(cls, view: ContradictionView) -> "ContradictionJson":
        """Render a contradiction."""
        return cls(**_members(cls, view))


class SeatJson(BaseModel):
    """A juror's place; seconds of the chain, `quit` 0 while it is kept."""

    id: int
    peer: int
    since: int
    quit: int
    fines: int

    @classmethod
    def build(cls, view: SeatView) -> "SeatJson":
        """Render a seat."""
        return cls(**_members(cls, view))


_IN_VIEWS = {"at": "timestamp", "tx": "tx_hash", "in_block": "block"}
"""Names that views of the store have for where and when something is on chain."""


def _members(kind: type[BaseModel], view: object) -> dict[str, Any]:
    return {name: getattr(view, _IN_VIEWS.get(name, name)) for name in kind.model_fields}

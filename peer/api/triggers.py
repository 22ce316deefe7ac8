"""What the triggers of a deal did on this peer, and do next."""

from fastapi import APIRouter
from pydantic import BaseModel

from peer.api.numbers import DealNumber, Sequence
from peer.hosting.host import Host
from peer.triggers.firings import Firing, FiringState, TriggerRecord
from peer.triggers.runner import TriggerRunner


class FiringView(BaseModel):
    """One firing, known by its time; `receipt` is `assignment:sequence` once there is one."""

    firing: int
    state: str
    receipt: str
    detail: str


class TriggerView(BaseModel):
    """A trigger; `next` is when it fires next, null if no clock does. Counts are of this peer,
    since its process started."""

    key: str
    kind: str
    service: str
    function: str
    run: str
    next: int | None
    answered: int
    failed: int
    missed: int
    left: int
    recent: list[FiringView]


class TriggersView(BaseModel):
    """The triggers of a deal's version on this peer."""

    deal: int
    triggers: list[TriggerView]


def create_trigger_router(host: Host, runner: TriggerRunner) -> APIRouter:
    """Return the routes, which anybody may read: other peers do."""
    router = APIRouter(prefix="/v1/deals/{deal}/triggers", tags=["triggers"])

    @router.get("")
    async def read_triggers(deal: DealNumber) -> TriggersView:
        """Last firings, how they ended, and the next one, of each trigger."""
        host.find(deal)
        views = [_view(record, runner.find_due(record)) for record in runner.list_records(deal)]
        return TriggersView(deal=deal, triggers=views)

    @router.get("/{key}/{firing}")
    async def read_firing(deal: DealNumber, key: str, firing: Sequence) -> FiringView:
        """What became of one firing here."""
        host.find(deal)
        return _view_firing(runner.find_firing(deal, key, firing))

    return router


def _view(record: TriggerRecord, due: int | None) -> TriggerView:
    trigger, counts = record.trigger, record.counts
    return TriggerView(
        key=trigger.key,
        kind=trigger.kind,
        service=trigger.service,
        function=trigger.function,
        run=trigger.run,
        next=due,
        answered=counts[FiringState.ANSWERED],
        failed=counts[FiringState.FAILED],
        missed=counts[FiringState.MISSED],
        left=counts[FiringState.LEFT],
        recent=[_view_firing(made) for made in reversed(record.recent)],
    )


def _view_firing(made: Firing) -> FiringView:
    return FiringView(firing=made.id, state=made.state, receipt=made.receipt, detail=made.detail)

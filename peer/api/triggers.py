"""What the triggers of a deal did on this peer, and do next; firing one by hand."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from peer.api.developer import check_developer
from peer.api.documents import Document, view_document
from peer.api.numbers import DealNumber, Sequence
from peer.documents.pauses import PauseFile
from peer.hosting.host import Host
from peer.triggers.firings import Firing, FiringState, TriggerRecord
from peer.triggers.runner import TriggerRunner
from wasmarket.kernel.documents.json_fields import JsonFields
from wasmarket.kernel.documents.json_text import read_json
from wasmarket.kernel.documents.triggers import CHAIN_EVENT
from wasmarket.kernel.errors import InvalidInput
from wasmarket.serving.auth import MAX_SIGNED_BODY, SIGNED, Authenticator
from wasmarket.serving.bodies import read_body

FIRE_BODY = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"argument": {"type": "object"}}}
            }
        }
    }
}
TriggerKey = Annotated[str, Path(max_length=40)]


class FiringView(BaseModel):
    """One firing; `receipt` is `assignment:sequence` once there is one, `late_ms` how long after a
    clock's time a worker was given its call first, 0 until it has answered."""

    firing: int
    state: str
    receipt: str
    detail: str
    late_ms: int


class TriggerView(BaseModel):
    """A trigger; `next` is when it fires next, null if no clock does. Counts are of this peer,
    since its process started. `block`: up to where a chain's events were read, null before;
    `problem`: why they are not read now."""

    key: str
    kind: str
    service: str
    function: str
    flow: str
    paused: bool
    block: int | None
    problem: str
    run: str
    next: int | None
    answered: int
    failed: int
    missed: int
    left: int
    recent: list[FiringView]


class PausesView(BaseModel):
    """What is paused, as the developer signed it."""

    version: int
    document: Document | None


class TriggersView(BaseModel):
    """The triggers of a deal's version on this peer."""

    deal: int
    triggers: list[TriggerView]
    pauses: PausesView


def create_trigger_router(
    host: Host, runner: TriggerRunner, authenticator: Authenticator
) -> APIRouter:
    """Return the routes. Anybody may read: other peers do; the developer fires."""
    router = APIRouter(prefix="/v1/deals/{deal}/triggers", tags=["triggers"])

    @router.get("")
    async def read_triggers(deal: DealNumber) -> TriggersView:
        """Last firings, how they ended, and the next one, of each trigger."""
        pauses = host.find(deal).pauses
        views = [view_record(record, runner, pauses) for record in runner.list_records(deal)]
        signed = PausesView(version=pauses.version, document=view_document(pauses.signed))
        return TriggersView(deal=deal, triggers=views, pauses=signed)

    @router.post("/{key}/fire", openapi_extra=SIGNED | FIRE_BODY)
    async def fire(deal: DealNumber, key: TriggerKey, request: Request) -> FiringView:
        """Make a trigger's call at this peer now, paused or not; `argument`: the event to give."""
        hosted = host.find(deal)
        body = await read_body(request, MAX_SIGNED_BODY)
        check = partial(check_developer, hosted)
        await run_in_threadpool(authenticator.check, request, body, check)
        made = await runner.fire(deal, key, _read_argument(body, runner, deal, key))
        return _view_firing(made)

    @router.get("/{key}/{firing}")
    async def read_firing(deal: DealNumber, key: str, firing: Sequence) -> FiringView:
        """What became of one firing here."""
        host.find(deal)
        return _view_firing(runner.find_firing(deal, key, firing))

    return router


def _read_argument(body: bytes, runner: TriggerRunner, deal: int, key: str) -> Any:
    """Return the event to give to a trigger that takes one. Raises InvalidInput, NotFound."""
    fields = JsonFields(read_json(body) if body else {})
    argument = fields.take("argument", None)
    fields.finish()
    is_event = runner.find_trigger(deal, key).kind == CHAIN_EVENT
    if is_event != isinstance(argument, dict):
        raise InvalidInput(
            "a trigger of events is fired with one" if is_event else "this trigger takes no event",
            field="argument",
            remedy="give the event's arguments as a JSON object"
            if is_event
            else "leave the argument out",
        )
    return argument


def view_record(record: TriggerRecord, runner: TriggerRunner, pauses: PauseFile) -> TriggerView:
    """Return what is told of a trigger."""
    trigger, counts = record.trigger, record.counts
    return TriggerView(
        key=trigger.key,
        kind=trigger.kind,
        service=trigger.service,
        function=trigger.function,
        flow=trigger.flow,
        paused=pauses.has(trigger.key),
        block=runner.find_block(record),
        problem=record.problem,
        run=trigger.run,
        next=runner.find_due(record),
        answered=counts[FiringState.ANSWERED],
        failed=counts[FiringState.FAILED],
        missed=counts[FiringState.MISSED],
        left=counts[FiringState.LEFT],
        recent=[_view_firing(made) for made in reversed(record.recent)],
    )


def _view_firing(made: Firing) -> FiringView:
    return FiringView(
        firing=made.id,
        state=made.state,
        receipt=made.receipt,
        detail=made.detail,
        late_ms=made.late_ms,
    )

"""What a deal is on this peer: state, typed signatures, health."""

import time
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from peer.api.numbers import DealNumber
from peer.chain_state.view import serving_until
from peer.choreography.assembly import Choreography
from peer.hosting.host import Host
from peer.hosting.hosted_deal import HostedDeal
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.errors import MarketError

HEALTH_SECONDS = 2.0
"""How long an answer about a deal's health is good for."""


class WorkerView(BaseModel):
    """As whom scripts reach an assignment, and the peer's signature over it: `wasmarket worker
    identity v1` ‖ chain id ‖ Market ‖ peer ‖ deal ‖ assignment ‖ the id's key, 32 bytes each."""

    id: str
    proof: str


class ServedAssignmentView(BaseModel):
    """One assignment; `serving_until` is the last epoch in which it is served, as known now.

    `worker` is null where the peer runs no scripts, and once the assignment is over.
    """

    assignment: int
    units: int
    state: str
    ready: bool
    serving_until: int | None
    worker: WorkerView | None


class UpdateView(BaseModel):
    """An update that is under way, or failed; `reason` as a peer would leave with.

    What failed stays `failed`, with its reason, while it is tried again, until it succeeds.
    """

    app: str
    cid: str
    state: str
    reason: int | None
    detail: str


class ServedDealView(BaseModel):
    """A deal on this peer; `app` is the version that serves, else the one that is wanted."""

    deal: int
    peer: int
    developer: str
    state: str
    detail: str
    name: str | None
    app: str
    cid: str
    update: UpdateView | None
    assignments: list[ServedAssignmentView]
    access_version: int
    block: int


class InterfaceView(BaseModel):
    """The typed functions of each service."""

    deal: int
    app: str
    services: dict[str, dict[str, Any]]


class AppHealthView(BaseModel):
    """Whether calls are answered well."""

    ok: bool
    state: str
    detail: str


def create_deal_router(host: Host, choreography: Choreography | None = None) -> APIRouter:
    """Return the routes that anybody may read."""
    router = APIRouter(prefix="/v1/deals/{deal}", tags=["deals"])
    known: dict[int, tuple[float, AppHealthView]] = {}

    @router.get("")
    async def read_deal(deal: DealNumber) -> ServedDealView:
        """State and version of a deal on this peer."""
        return _view(host, host.find(deal), choreography)

    @router.get("/interface")
    async def read_interface(deal: DealNumber) -> InterfaceView:
        """The functions that can be called, with the types of arguments and results."""
        workers = host.find(deal).pick().workers
        services = {name: workers.pool.interface(name) for name in workers.pool.services}
        return InterfaceView(deal=deal, app=workers.version.app, services=services)

    @router.get("/health", responses={503: {"model": AppHealthView}})
    async def read_health(deal: DealNumber) -> Response:
        """Ask the app's own health function, at most every two seconds."""
        hosted = host.find(deal)
        asked, view = known.get(deal, (0.0, None))
        if view is None or time.monotonic() - asked > HEALTH_SECONDS:
            view = await _examine(hosted)
            known[deal] = time.monotonic(), view
        return JSONResponse(view.model_dump(), 200 if view.ok else 503)

    return router


async def _examine(hosted: HostedDeal) -> AppHealthView:
    try:
        await hosted.pick().workers.check_health()
    except MarketError as error:
        return AppHealthView(ok=False, state=hosted.state(), detail=error.detail)
    return AppHealthView(ok=True, state=hosted.state(), detail="")


def _view(host: Host, hosted: HostedDeal, choreography: Choreography | None) -> ServedDealView:
    peer = host.chain_view.peer if host.chain_view else 0
    version = hosted.version
    app = hosted.deal.app if version is None else version.app
    state = hosted.state()
    return ServedDealView(
        deal=hosted.deal.id,
        peer=peer,
        developer=hosted.deal.developer,
        state=state,
        detail=hosted.failure(),
        name=version.manifest.name if version else None,
        app=app,
        cid=str(app_cid(app)),
        update=_update(hosted),
        assignments=[
            ServedAssignmentView(
                assignment=held.id,
                units=held.units,
                state=held.state.name.lower(),
                ready=held.id in hosted.runs,
                serving_until=until if (until := serving_until(held, hosted.deal)) >= 0 else None,
                worker=_worker(choreography, peer, held.id),
            )
            for held in hosted.assignments.values()
        ],
        access_version=hosted.access.current.version,
        block=host.chain_view.head.number if host.chain_view else 0,
    )


def _worker(choreography: Choreography | None, peer: int, assignment: int) -> WorkerView | None:
    if choreography is None or not peer:
        return None
    proof = choreography.identities.prove_worker(peer, assignment)
    if proof is None:
        return None
    return WorkerView(id=proof.worker_id, proof="0x" + proof.signature.hex())


def _update(hosted: HostedDeal) -> UpdateView | None:
    failed = hosted.failed_update
    if failed is not None and failed[0] == hosted.deal.app:
        app, why = failed
        return UpdateView(
            app=app, cid=str(app_cid(app)), state="failed", reason=why.reason, detail=why.detail
        )
    if hosted.updating is None:
        return None
    app = hosted.updating
    return UpdateView(app=app, cid=str(app_cid(app)), state="preparing", reason=None, detail="")

"""Run the flows of an app, and show what they left."""

import base64
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel

from peer.api.fastpath.access import check_access
from peer.api.fastpath.head import CallHead
from peer.api.fastpath.routes import BODY, RESULT
from peer.api.numbers import DealNumber
from peer.api.particles import require_choreography
from peer.choreography.assembly import Choreography
from wasmarket.kernel.documents.flows import DEVELOPER
from wasmarket.kernel.documents.json_text import read_json
from wasmarket.kernel.documents.particles import MOST_ID
from wasmarket.kernel.errors import Forbidden
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.bodies import allow_body, read_body

MOST_KEY = 200
PARTICLE_HEADER = "Wasmarket-Particle"


class KeptFlowView(BaseModel):
    """What a finished flow left; bytes in base64, the receipt as `assignment:sequence:sha256`."""

    id: str
    deal: int
    flow: str
    app: str
    assignment: int
    init_peer_id: str
    timestamp: int
    ttl: int
    script: str
    signature: str
    data: str
    input: str
    output: str
    receipt: str


def create_flow_router(
    choreography: Choreography | None, authenticator: Authenticator
) -> APIRouter:
    """Return the routes of flows."""
    router = APIRouter(tags=["flows"])

    @router.post(
        "/v1/deals/{deal}/flows/{name}",
        response_class=Response,
        responses=RESULT,
        openapi_extra=BODY,
    )
    async def run_flow(
        request: Request,
        deal: DealNumber,
        name: str,
        idempotency_key: Annotated[str, Header(max_length=MOST_KEY)] = "",
    ) -> Response:
        """Run a flow: JSON arguments by position or name in, `{"result": …}` out."""
        flows = require_choreography(choreography).flows
        hosted, run, flow = flows.find(deal, name)
        limit = run.workers.version.manifest.limits.input_bytes
        allow_body(request.scope, limit)
        body = await read_body(request, limit)
        if flow.access == DEVELOPER:
            authenticator.check(request, body, partial(_check_developer, hosted.deal.developer))
        elif hosted.access.current.mode != "public":
            head = CallHead((deal, "flows", name), request.headers.raw, lambda: request.scope)
            check_access(authenticator, hosted, None, head, body)
        given: Any = read_json(body) if body else []
        found = await flows.run(run, deal, flow, body, given, idempotency_key)
        receipt = f"{found.assignment}:{found.head.sequence}:{found.head.hash.hex()}"
        headers = {
            "Wasmarket-Peer": str(flows.peer),
            "Wasmarket-Receipt": receipt,
            "Wasmarket-Fuel": "0",
            PARTICLE_HEADER: found.particle,
        }
        return Response(found.body, headers=headers, media_type="application/json")

    @router.get("/v1/flows/{particle}")
    def read_flow(particle: Annotated[str, Path(max_length=MOST_ID)]) -> KeptFlowView:
        """What a finished flow left, with AquaVM's data: every peer's signed part."""
        kept = require_choreography(choreography).flows.read(particle)
        fields: dict[str, Any] = {
            name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in msgspec.structs.asdict(kept).items()
        }
        return KeptFlowView(**fields)

    return router


def _check_developer(developer: Address, signer: Address) -> None:
    if signer != developer:
        raise Forbidden(
            f"this flow is started by the deal's developer, {developer}, not by {signer}",
            field="Authorization",
        )

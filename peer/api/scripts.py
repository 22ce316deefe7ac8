"""Run a script for whoever signs the request."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from peer.api.particles import TrailView, require_choreography, view_trail
from peer.choreography.assembly import Choreography
from peer.choreography.callers.scripts import ScriptResult
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.json_text import read_json
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import SIGNED, Authenticator
from wasmarket.serving.bodies import allow_body, read_body
from wasmarket.serving.callers.addresses import Clients, group_of

LEAST_TTL = 100
DEFAULT_TTL = 15_000
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["script"],
                    "additionalProperties": False,
                    "properties": {
                        "script": {"type": "string"},
                        "arguments": {"type": "object"},
                        "ttl_ms": {"type": "integer", "minimum": LEAST_TTL},
                    },
                }
            }
        },
    }
}


class ScriptOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A script in AIR, its arguments by name, and how long it may take."""

    script: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    ttl_ms: Annotated[int, msgspec.Meta(ge=LEAST_TTL, le=2**31)] = DEFAULT_TTL


class ScriptAnswer(BaseModel):
    """What a script gave: one value, null for none, a list for several; what it told functions
    that were its arguments; and what this peer did for it."""

    particle: str
    initiator: str
    result: Any
    callbacks: dict[str, list[Any]]
    trail: TrailView


def create_script_router(
    choreography: Choreography | None, authenticator: Authenticator, clients: Clients
) -> APIRouter:
    """Return the route that begins scripts."""
    router = APIRouter(prefix="/v1/scripts", tags=["particles"])

    @router.post("", openapi_extra=SIGNED | BODY)
    async def run_script(request: Request) -> ScriptAnswer:
        """Run a script in AIR as an initiator of the signer's own, and wait for its result."""
        running = require_choreography(choreography)
        limit = running.caps.script_bytes + running.caps.data_bytes
        allow_body(request.scope, limit)
        body = await read_body(request, limit)
        running.host.count_address(group_of(clients.of(request.scope).address))
        signers: list[Address] = []
        await run_in_threadpool(authenticator.check, request, body, signers.append)
        identity = running.identities.initiator_of(raw(signers[0]))
        order = read_order(body)
        found = await running.scripts.run(identity, order.script, order.arguments, order.ttl_ms)
        return view_result(found)

    return router


def read_order(body: bytes) -> ScriptOrder:
    """Return what is to be run. Raises InvalidInput."""
    try:
        return msgspec.convert(read_json(body), ScriptOrder)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"the body is no script with arguments: {error}",
            remedy='send {"script": AIR, "arguments": {…}, "ttl_ms": n}',
        ) from error


def view_result(found: ScriptResult) -> ScriptAnswer:
    """Return a result as it is shown."""
    return ScriptAnswer(
        particle=found.particle.id,
        initiator=found.particle.init_peer_id,
        result=found.value,
        callbacks=found.callbacks,
        trail=view_trail(found.trail),
    )

"""Take particles, and tell what became of them here."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel
from starlette.types import Scope

from peer.api.fastpath.particles import TakeFrame
from peer.choreography.assembly import Choreography
from peer.choreography.avm_file import REMEDY, VERSION
from peer.choreography.trail import Trail
from wasmarket.kernel.documents.particles import MOST_ID, decode_particle
from wasmarket.kernel.errors import NotFound, Unreachable
from wasmarket.serving.bodies import allow_body, read_body
from wasmarket.serving.callers.addresses import Clients, group_of

FRAME = {
    "requestBody": {
        "required": True,
        "description": "`81 04` and a MessagePack map: action, id, init_peer_id, timestamp, ttl,"
        " script, signature, data",
        "content": {"application/msgpack": {"schema": {"type": "string", "format": "binary"}}},
    }
}
LOOPBACK = ("127.0.0.1", "::1")
ParticleId = Annotated[str, Path(min_length=1, max_length=MOST_ID)]


class NoChoreography(Unreachable):
    """Choreography is not available"""

    slug = "no-choreography"


class TakenParticle(BaseModel):
    """A particle that was taken; its trail tells what becomes of it."""

    id: str


class ScriptIdentityView(BaseModel):
    """The peer in scripts: its id, AquaVM's version, multiaddrs, and how many particles live."""

    peer_id: str
    air_version: str
    addresses: list[str]
    live: int


class ServiceCallView(BaseModel):
    """A call for a particle: milliseconds since 1970, who called what, 0 or an error's code.

    Of a deal's service also the receipt (`assignment:sequence:sha256`) and the sha256 of its input
    and output, which the receipt holds too.
    """

    at: int
    peer_id: str
    service: str
    function: str
    code: int
    duration_us: int
    deal: int | None
    receipt: str | None
    input: str | None
    output: str | None


class SendingView(BaseModel):
    """Where the particle went, and when; `problem` is empty if it got there."""

    at: int
    peer_id: str
    problem: str


class TrailView(BaseModel):
    """What became of one particle at this peer; the newest 500 calls and sendings."""

    initiator: str
    signature: str
    timestamp: int
    ttl: int
    arrivals: int
    invokes: int
    invoke_us: int
    calls: list[ServiceCallView]
    sent: list[SendingView]
    problems: list[str]


class ParticleView(BaseModel):
    """All particles of an id: initiators choose ids, signatures tell particles apart."""

    peer_id: str
    id: str
    items: list[TrailView]


def require_choreography(choreography: Choreography | None) -> Choreography:
    """Return it, if there is one. Raises NoChoreography."""
    if choreography is None:
        raise NoChoreography("this peer runs no scripts: AquaVM is not installed", remedy=REMEDY)
    return choreography


def create_taker(choreography: Choreography | None, clients: Clients) -> TakeFrame:
    """Return what takes frames of particles; without AquaVM it says how to get it."""

    def take(frame: bytes, scope: Scope) -> str:
        running = require_choreography(choreography)
        particle = decode_particle(frame)
        running.host.accept(particle, group_of(clients.of(scope).address))
        return particle.id

    return take


def create_particle_router(choreography: Choreography | None, take: TakeFrame) -> APIRouter:
    """Return the routes of particles; without AquaVM they say how to get it."""
    router = APIRouter(prefix="/v1/particles", tags=["particles"])

    @router.post("", status_code=202, openapi_extra=FRAME)
    async def take_particle(request: Request) -> TakenParticle:
        """Run a particle here, and send it on as its script says."""
        running = require_choreography(choreography)
        limit = running.caps.frame_bytes
        allow_body(request.scope, limit)
        return TakenParticle(id=take(await read_body(request, limit), request.scope))

    @router.get("")
    async def read_identity() -> ScriptIdentityView:
        """As whom this peer runs scripts, and where clients that speak libp2p reach it."""
        running = require_choreography(choreography)
        return ScriptIdentityView(
            peer_id=running.identities.own.peer_id,
            air_version=VERSION,
            addresses=running.addresses,
            live=len(running.host),
        )

    @router.get("/{particle}")
    async def read_particle(particle: ParticleId) -> ParticleView:
        """What this peer did for a particle; kept for ten minutes after it expired."""
        running = require_choreography(choreography)
        trails = running.trails.find(particle)
        if not trails:
            raise NotFound(f"this peer knows no particle {particle}")
        items = [view_trail(trail) for trail in trails]
        return ParticleView(peer_id=running.identities.own.peer_id, id=particle, items=items)

    return router


def view_trail(trail: Trail) -> TrailView:
    """Return a trail as it is shown."""
    return TrailView(
        initiator=trail.initiator,
        signature=trail.signature.hex(),
        timestamp=trail.timestamp,
        ttl=trail.ttl,
        arrivals=trail.arrivals,
        invokes=trail.invokes,
        invoke_us=trail.invoke_us,
        calls=[
            ServiceCallView(
                at=call.at,
                peer_id=call.peer_id,
                service=call.service,
                function=call.function,
                code=call.code,
                duration_us=call.duration_us,
                deal=call.deal or None,
                receipt=call.receipt or None,
                input=call.arguments or None,
                output=call.result or None,
            )
            for call in trail.calls
        ],
        sent=[SendingView(at=s.at, peer_id=s.peer_id, problem=s.problem) for s in trail.sent],
        problems=list(trail.problems),
    )

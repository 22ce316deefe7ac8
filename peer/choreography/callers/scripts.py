"""Begin scripts for callers without a key of their own: JSON in, JSON out.

The peer is the initiator, under an identity that is the caller's alone. What a compiled Aqua
function asks of its initiator (`getDataSrv`, `callbackSrv`, `errorHandlingSrv`) is answered here.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from peer.choreography.avm import ServiceAnswer, ServiceRequest
from peer.choreography.builtins.table import fail
from peer.choreography.caps import now_ms
from peer.choreography.identities import OwnIdentity
from peer.choreography.live import LiveParticle
from peer.choreography.particle_host import ParticleHost
from peer.choreography.trail import Trail
from wasmarket.kernel.documents.particles import Particle
from wasmarket.kernel.errors import BrokenOff, MarketError, TimedOut
from wasmarket.kernel.signing.particles import sign_particle

RELAY: Final = "-relay-"
RESPONSE: Final = "response"
MOST_CALLBACKS: Final = 1_000
MOST_CALLBACK_BYTES: Final = 4 << 20
"""Of what a script told its caller's functions, as JSON."""


class _Service(StrEnum):
    """What compiled Aqua expects at its initiator."""

    DATA = "getDataSrv"
    CALLBACK = "callbackSrv"
    ERRORS = "errorHandlingSrv"


class ScriptFailed(BrokenOff):
    """The script failed"""

    slug = "script-failed"


@dataclass(slots=True)
class ScriptResult:
    """What a script gave: its values, and what it told each function that was an argument."""

    particle: Particle
    trail: Trail
    values: list[Any]
    callbacks: dict[str, list[list[Any]]]
    data: bytes
    """AquaVM's data at the initiator, which every peer's part is signed in."""

    @property
    def value(self) -> Any:
        """Return the value: null for none, a list for several."""
        return self.values[0] if len(self.values) == 1 else self.values or None


@dataclass(slots=True, eq=False)
class _Run:
    identity: OwnIdentity
    arguments: Mapping[str, Any]
    ended: asyncio.Future[list[Any]]
    callbacks: dict[str, list[list[Any]]] = field(default_factory=dict)
    callback_bytes: int = 0


class Scripts:
    """The scripts that wait for their results. Event loop only."""

    def __init__(self, host: ParticleHost, relay: str) -> None:
        """`relay` is this peer's own id: what is sent to the caller comes by it."""
        self._host = host
        self._relay = relay
        self._runs: dict[bytes, _Run] = {}

    async def run(
        self, identity: OwnIdentity, script: str, arguments: Mapping[str, Any], ttl_ms: int
    ) -> ScriptResult:
        """Run a script as `identity` and return what it gave.

        Raises ScriptFailed with the script's error, TimedOut, and what `ParticleHost.begin` does.
        """
        unsigned = Particle(
            secrets.token_hex(16), identity.peer_id, now_ms(), ttl_ms, script, b"", b""
        )
        particle = sign_particle(unsigned, identity.private_key)
        run = _Run(identity, arguments, asyncio.get_running_loop().create_future())
        self._runs[particle.signature] = run
        try:
            live = self._host.begin(particle, identity)
        except MarketError:
            del self._runs[particle.signature]
            raise
        try:
            async with asyncio.timeout(ttl_ms / 1_000):
                values = await run.ended
        except TimeoutError as error:
            last = f"; last of all: {live.trail.problems[-1]}" if live.trail.problems else ""
            raise TimedOut(
                f"the script did not end within {ttl_ms} ms (particle {particle.id}){last}",
                remedy="ask the peers' trails where it is: GET /v1/particles/{id}",
            ) from error
        finally:
            del self._runs[particle.signature]
        strand = live.strands.get(identity.peer_id)
        data = b"" if strand is None else strand.previous
        return ScriptResult(particle, live.trail, values, run.callbacks, data)

    def answer(
        self, live: LiveParticle, identity: OwnIdentity, request: ServiceRequest
    ) -> ServiceAnswer | None:
        """Answer what is asked of the caller; None for everything else."""
        run = self._runs.get(live.key)
        if run is None or run.identity is not identity:
            return None
        match request.service:
            case _Service.DATA:
                return self._give(run, request.function)
            case _Service.CALLBACK:
                return _take(run, request)
            case _Service.ERRORS:
                _fail(run, _describe(request.arguments))
                return ServiceAnswer(0, {})
            case _:
                return None

    def fail(self, live: LiveParticle, problem: str) -> None:
        """Tell the caller that the script does not go on."""
        run = self._runs.get(live.key)
        if run is not None:
            _fail(run, problem)

    def _give(self, run: _Run, name: str) -> ServiceAnswer:
        if name == RELAY:
            return ServiceAnswer(0, self._relay)
        if name not in run.arguments:
            return fail(f"the caller gave no argument {name}")
        return ServiceAnswer(0, run.arguments[name])


def _take(run: _Run, request: ServiceRequest) -> ServiceAnswer:
    if request.function == RESPONSE:
        if not run.ended.done():
            run.ended.set_result(request.arguments)
    else:
        told = run.callbacks.setdefault(request.function, [])
        if len(told) >= MOST_CALLBACKS:
            return fail(f"{request.function} was called {MOST_CALLBACKS} times")
        run.callback_bytes += len(msgspec.json.encode(request.arguments))
        if run.callback_bytes > MOST_CALLBACK_BYTES:
            return fail(f"the caller's functions were told more than {MOST_CALLBACK_BYTES} bytes")
        told.append(request.arguments)
    return ServiceAnswer(0, {})


def _fail(run: _Run, problem: str) -> None:
    if not run.ended.done():
        run.ended.set_exception(ScriptFailed(problem))


def _describe(arguments: list[Any]) -> str:
    """Return the text of what `errorHandlingSrv.error` is given: an error object and a number."""
    error = arguments[0] if arguments else None
    if isinstance(error, dict):
        text, where = error.get("message"), error.get("peer_id")
        if isinstance(text, str) and text:
            return f"{text} (at {where})" if isinstance(where, str) and where else text
    return msgspec.json.encode(error).decode()[:1_000]

"""Do the calls that scripts ask for: built-ins, and services of deals by their workers."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

import msgspec

from peer.choreography.avm import ServiceAnswer, ServiceRequest
from peer.choreography.builtins.network import BuiltinCall
from peer.choreography.builtins.table import Builtins, fail
from peer.choreography.calls.deal_access import DealAccess
from peer.choreography.calls.results import Reshape, compile_reshape
from peer.choreography.caps import now_ms
from peer.choreography.identities import Identities, OwnIdentity
from peer.choreography.live import LiveParticle
from peer.choreography.trail import ServiceCall
from peer.choreography.vaults.places import VaultPlace, find_place
from peer.choreography.vaults.vaults import ParticleVaults
from peer.hosting.host import Host
from peer.hosting.hosted_deal import HostedDeal
from peer.hosting.served_assignment import CallRequest, Recorded, ServedAssignment, Workers
from peer.runtime.module.service import BodyKind
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.errors import MarketError, NotFound, RunwayOver
from wasmarket.kernel.hashing import sha256

MOST_SCRIPT: Final = 64 << 10
"""Bytes of a script that services are told in their call parameters."""


class InitiatorServices(Protocol):
    """Answers what a script asks of a caller for whom this peer began it."""

    def answer(
        self, live: LiveParticle, identity: OwnIdentity, request: ServiceRequest
    ) -> ServiceAnswer | None:
        """Return the answer; None for what is none of the caller's services."""


class ServiceCalls:
    """Answers every call of every particle. Event loop only."""

    def __init__(
        self,
        host: Host,
        identities: Identities,
        builtins: Builtins,
        vaults: ParticleVaults,
        access: DealAccess,
    ) -> None:
        self._access = access
        self._host = host
        self._identities = identities
        self._builtins = builtins
        self._vaults = vaults
        self._reshapes: WeakKeyDictionary[Workers, dict[tuple[str, str], Reshape | None]] = (
            WeakKeyDictionary()
        )
        self.initiators: InitiatorServices | None = None

    def call(
        self, live: LiveParticle, identity: OwnIdentity, request: ServiceRequest
    ) -> ServiceAnswer | Awaitable[ServiceAnswer]:
        """Do a call, at once where that is possible. What goes wrong is an answer too."""
        if self.initiators is not None:
            known = self.initiators.answer(live, identity, request)
            if known is not None:
                return known
        run = self._builtins.find(request.service, request.function)
        if run is not None:
            answer = run(BuiltinCall(live, identity, request))
            if isinstance(answer, ServiceAnswer):
                _note(live, identity, request, answer)
                return answer
            return self._await_builtin(live, identity, request, answer)
        if identity.assignment:
            return self._call_deal(live, identity, request)
        answer = fail(
            f"there is no service {request.service[:80]} on peer {identity.peer_id}: services of "
            "deals are reached by `on worker via host`"
        )
        _note(live, identity, request, answer)
        return answer

    async def _await_builtin(
        self,
        live: LiveParticle,
        identity: OwnIdentity,
        request: ServiceRequest,
        answer: Awaitable[ServiceAnswer],
    ) -> ServiceAnswer:
        began = time.perf_counter_ns()
        answered = await answer
        _note(live, identity, request, answered, (time.perf_counter_ns() - began) // 1_000)
        return answered

    async def _call_deal(
        self, live: LiveParticle, identity: OwnIdentity, request: ServiceRequest
    ) -> ServiceAnswer:
        """Call a service of the worker's deal, as a call over HTTP would: metered, with receipt."""
        body = msgspec.json.encode(request.arguments)
        began = time.perf_counter_ns()
        ended: asyncio.Future[Recorded | Exception] = asyncio.get_running_loop().create_future()

        def settle(outcome: Recorded | Exception) -> None:
            if not ended.done():
                ended.set_result(outcome)

        try:
            hosted = self._host.find(identity.deal)
            await self._access.check(hosted, live.particle.init_peer_id)
            place = _find_place(self._find_run(hosted, identity), request.service)
            async with AsyncExitStack() as stack:
                token = ""
                if place is not None:
                    mounted = self._vaults.mounted(live, identity, place)
                    token = await stack.enter_async_context(mounted)
                run = self._find_run(hosted, identity)
                workers = run.workers
                call = CallRequest(
                    request.service,
                    request.function,
                    body,
                    BodyKind.JSON,
                    self._host.now(),
                    self._build_parameters(live, identity, request, hosted, token),
                )
                hosted.submit(run, call, settle)
                outcome = await ended
        except (MarketError, OSError) as error:
            answer = fail(_describe(request, error))
            _note(live, identity, request, answer)
            return answer
        took = (time.perf_counter_ns() - began) // 1_000
        if not isinstance(outcome, Recorded):
            answer = fail(_describe(request, outcome))
            _note(live, identity, request, answer, took)
            return answer
        answer = self._read(request, outcome, workers)
        head = outcome.head
        live.trail.add_call(
            ServiceCall(
                now_ms(),
                identity.peer_id,
                request.service,
                request.function,
                answer.code,
                took,
                identity.deal,
                f"{run.assignment}:{head.sequence}:{head.hash.hex()}",
                sha256(body).hex(),
                sha256(outcome.output).hex(),
            )
        )
        return answer

    def _find_run(self, hosted: HostedDeal, identity: OwnIdentity) -> ServedAssignment:
        run = hosted.runs.get(identity.assignment)
        if run is None:
            raise NotFound(
                f"assignment {identity.assignment} of deal {identity.deal} is not served here now"
            )
        view = self._host.chain_view
        if view is None or run.serving_until < view.epoch:
            raise RunwayOver(f"nothing pays for deal {identity.deal} any more")
        return run

    def _build_parameters(
        self,
        live: LiveParticle,
        identity: OwnIdentity,
        request: ServiceRequest,
        hosted: HostedDeal,
        token: str,
    ) -> dict[str, Any]:
        """`token` is that of the particle's vault, where the service sees it."""
        particle = live.particle
        script = particle.script if len(particle.script) <= MOST_SCRIPT else ""
        return {
            "particle": {
                "id": particle.id,
                "init_peer_id": particle.init_peer_id,
                "timestamp": particle.timestamp,
                "ttl": particle.ttl,
                "script": script,
                "signature": particle.signature,
                "token": token,
            },
            "service_id": request.service,
            "service_creator_peer_id": hosted.deal.developer,
            "host_id": self._identities.own.peer_id,
            "worker_id": identity.peer_id,
            "tetraplets": request.tetraplets,
        }

    def _read(self, request: ServiceRequest, recorded: Recorded, workers: Workers) -> ServiceAnswer:
        if recorded.fault is not None:
            return fail(_describe(request, recorded.fault))
        value = decode_json(recorded.output)["result"]
        reshapes = self._reshapes.setdefault(workers, {})
        key = (request.service, request.function)
        if key not in reshapes:
            reshapes[key] = compile_reshape(workers.pool.get_interface(key[0]).functions[key[1]])
        reshape = reshapes[key]
        return ServiceAnswer(0, value if reshape is None else reshape(value))


def _find_place(run: ServedAssignment, service: str) -> VaultPlace | None:
    """Return where a service of the app sees vaults, None if it maps none."""
    specs = run.workers.version.specs
    return next((find_place(spec) for spec in specs if spec.name == service), None)


def _describe(request: ServiceRequest, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{request.service}.{request.function}: no vault: {error.strerror or error}"
    detail = error.detail if isinstance(error, MarketError) else "the peer failed unexpectedly"
    return f"{request.service}.{request.function}: {detail}"


def _note(
    live: LiveParticle,
    identity: OwnIdentity,
    request: ServiceRequest,
    answer: ServiceAnswer,
    took: int = 0,
) -> None:
    live.trail.add_call(
        ServiceCall(
            now_ms(), identity.peer_id, request.service, request.function, answer.code, took
        )
    )

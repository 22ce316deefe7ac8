"""Run AquaVM in worker processes of the peer's runtime: what goes in, what comes out."""

import asyncio
import base64
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from peer.choreography.curve.quick_avm import find_quick
from peer.choreography.turns import SLOW_US, Turns
from peer.runtime.errors import GuestFault
from peer.runtime.module.code_files import CODE
from peer.runtime.module.service import BodyKind, CallLimits, InstanceMode, ModuleSpec, ServiceSpec
from peer.runtime.workers.cores import Rank
from peer.runtime.workers.pool import PoolSettings, WorkerPool
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.kernel.documents.particles import MSGPACK_CODE, Particle
from wasmarket.kernel.errors import MarketError

logger = logging.getLogger(__name__)

NAME: Final = "avm"
INVOKE_MS: Final = 2_000
GRACE_SECONDS: Final = 0.5
"""So much later the worker is killed: AquaVM's code does not look at the clock itself."""
RANK: Final = Rank(nice=15)
"""Others who want the same core get 27 times as much: plain calls come first."""
MEMORY_BYTES: Final = 192 << 20
FRAME_BYTES: Final = 48 << 20
ED25519: Final = 0
CALL_FAILED: Final = 10_000
"""A call failed and nothing in the script caught it; the data is good."""
MOST_REQUESTS: Final = 1_000
"""Calls that one turn may ask for."""


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """What AquaVM asks its host to call; a tetraplet list for each argument says where from."""

    number: int
    service: str
    function: str
    arguments: list[Any]
    tetraplets: list[Any]


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What a call gave: `code` 0 and a value, or another code and what went wrong."""

    code: int
    value: Any


@dataclass(frozen=True, slots=True)
class Turn:
    """What a peer knows and does after one invoke; `problem` is empty if all is well."""

    data: bytes
    next_peers: tuple[str, ...] = ()
    requests: tuple[ServiceRequest, ...] = ()
    code: int = 0
    problem: str = ""
    duration_us: int = field(default=0, compare=False)

    @property
    def is_good(self) -> bool:
        """Whether the data is newer than what was there before."""
        return self.code in (0, CALL_FAILED)


class AvmFailed(MarketError):
    """AquaVM cannot run this particle"""

    slug = "avm-failed"
    duration_us = 0


class _Request(msgspec.Struct):
    service_id: str
    function_name: str
    arguments: bytes | list[int]
    tetraplets: bytes | list[int]


class _Outcome(msgspec.Struct):
    ret_code: int
    error_message: str
    data: bytes
    next_peer_pks: list[str]
    call_requests: bytes


_REQUESTS: Final = msgspec.msgpack.Decoder(dict[int, _Request])
_OUTCOME: Final = msgspec.msgpack.Decoder(_Outcome)
_NO_ANSWERS: Final = MSGPACK_CODE + msgspec.msgpack.encode({})


def encode_answers(answers: dict[int, ServiceAnswer]) -> bytes:
    """Write answers of calls as AquaVM reads them."""
    if not answers:
        return _NO_ANSWERS
    return MSGPACK_CODE + msgspec.msgpack.encode(
        {
            str(number): {
                "ret_code": answer.code,
                "result": msgspec.json.encode(answer.value).decode(),
            }
            for number, answer in answers.items()
        }
    )


def decode_requests(data: bytes) -> tuple[ServiceRequest, ...]:
    """Read what AquaVM asks for. Raises AvmFailed for what is no list of calls, or too long."""
    if not data:
        return ()
    try:
        found = _REQUESTS.decode(memoryview(data)[len(MSGPACK_CODE) :])
        requests = tuple(_read(number, request) for number, request in sorted(found.items()))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AvmFailed(f"AquaVM's call requests are not readable: {error}") from error
    if len(requests) > MOST_REQUESTS:
        raise AvmFailed(f"the script asks for {len(requests)} calls at once, over {MOST_REQUESTS}")
    return requests


def _read(number: int, request: _Request) -> ServiceRequest:
    return ServiceRequest(
        number,
        request.service_id,
        request.function_name,
        msgspec.msgpack.decode(bytes(request.arguments), type=list[Any]),
        msgspec.msgpack.decode(bytes(request.tetraplets), type=list[Any]),
    )


def build_spec(module: Path, cache: Path) -> ServiceSpec:
    """Return AquaVM as a service of the runtime, like one of a deal.

    What runs is made of `module`, and lies in `cache`.
    """
    path, digest = find_quick(module, cache)
    return ServiceSpec(
        NAME,
        (ModuleSpec(NAME, path, bytes.fromhex(digest), logger_enabled=False),),
        total_memory_limit=MEMORY_BYTES,
        instance=InstanceMode.WARM,
        limits=CallLimits(INVOKE_MS, FRAME_BYTES, FRAME_BYTES),
        is_interruptible=False,
    )


class Avm:
    """AquaVM's workers; started when the first particle comes, ended when none has come."""

    def __init__(
        self,
        module: Path,
        cache: Path,
        *,
        units: int,
        idle_seconds: float,
        spawner: WorkerSpawner,
        particle_bytes: int,
    ) -> None:
        """`module` was checked by `find_avm`; its code is compiled into `cache` once."""
        cache.mkdir(parents=True, exist_ok=True)
        spec = build_spec(module, cache)
        self._pool = WorkerPool(
            [spec],
            units=units,
            cache_dir=cache,
            settings=PoolSettings(
                idle_seconds=idle_seconds or None, grace_seconds=GRACE_SECONDS, rank=RANK
            ),
            spawner=spawner,
        )
        self.invokes = 0
        self.invoke_us = 0
        self._is_compiled = any(cache.glob(f"{spec.facade.digest.hex()}-*{CODE}"))
        self._compiling: asyncio.Task[None] | None = None
        self._particle_bytes = particle_bytes
        # Particles wait here, not in the pool, whose queue refuses what is too much.
        self._turns = Turns(lambda: self._pool.has_room)

    @property
    def restarts(self) -> int:
        """Return how often a worker was replaced."""
        return self._pool.restarts

    def start(self) -> None:
        """Let the first particle start a worker; compile the module now if it never was."""
        self._pool.start_later()
        if not self._is_compiled:
            self._compiling = asyncio.ensure_future(self._compile())

    async def stop(self) -> None:
        """End all workers."""
        if self._compiling is not None:
            self._compiling.cancel()
            await asyncio.gather(self._compiling, return_exceptions=True)
        await self._pool.stop()

    async def _compile(self) -> None:
        """Start a worker, so that nobody's first particle waits for seconds."""
        try:
            await self._pool.call(NAME, "ast", b'["(null)"]')
        except MarketError as error:
            logger.warning("AquaVM does not start", extra={"why": error.detail})

    async def invoke(
        self,
        particle: Particle,
        peer_id: str,
        seed: bytes,
        previous: bytes,
        data: bytes,
        answers: dict[int, ServiceAnswer],
    ) -> Turn:
        """Run the script as `peer_id`, whose Ed25519 seed signs what it did.

        Raises AvmFailed if it traps, takes too long or too much memory; NoWorker and others as
        `WorkerPool.call` if it never ran.
        """
        body = msgspec.msgpack.encode(
            [
                particle.script,
                previous,
                data,
                {
                    "init_peer_id": particle.init_peer_id,
                    "current_peer_id": peer_id,
                    "timestamp": particle.timestamp,
                    "ttl": particle.ttl,
                    "key_format": ED25519,
                    "secret_key_bytes": seed,
                    "particle_id": particle.id,
                    "air_size_limit": self._particle_bytes,
                    "particle_size_limit": self._particle_bytes,
                    "call_result_size_limit": self._particle_bytes,
                    "hard_limit_enabled": False,
                },
                encode_answers(answers),
            ]
        )
        initiator, took = particle.init_peer_id, 0
        await self._turns.begin(initiator)
        try:
            result = await self._pool.call(NAME, "invoke", body, BodyKind.VALUES)
            took = result.duration_us
        except GuestFault as fault:
            # What is broken has to be made anew, which counts as slow however soon it broke.
            took = max(fault.duration_us, SLOW_US)
            failed = AvmFailed(f"AquaVM did not survive it: {fault.detail}")
            failed.duration_us = fault.duration_us
            raise failed from fault
        finally:
            self._turns.end(initiator, took)
        self.invokes += 1
        self.invoke_us += result.duration_us
        return _to_turn(_OUTCOME.decode(result.output), result.duration_us)

    async def describe(self, data: bytes) -> dict[str, Any]:
        """Return AquaVM's data as JSON values: trace, stores of values, signatures.

        Raises AvmFailed for what is no such data.
        """
        try:
            body = msgspec.json.encode([base64.b64encode(data).decode()])
            result = await self._pool.call(NAME, "to_human_readable_data", body)
            text = msgspec.json.decode(result.output, type=dict[str, str])["result"]
            found: dict[str, Any] = msgspec.json.decode(text)["data"]
        except (GuestFault, msgspec.DecodeError, KeyError, TypeError) as error:
            raise AvmFailed(f"the data is not AquaVM's: {error}") from error
        return found


def _to_turn(outcome: _Outcome, duration_us: int) -> Turn:
    is_good = outcome.ret_code in (0, CALL_FAILED)
    return Turn(
        outcome.data,
        tuple(dict.fromkeys(outcome.next_peer_pks)) if is_good else (),
        decode_requests(outcome.call_requests) if is_good else (),
        outcome.ret_code,
        outcome.error_message,
        duration_us,
    )

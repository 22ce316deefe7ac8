"""Run particles: feed AquaVM, have done what it asks for, send the particle on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol

from peer.choreography.avm import Avm, AvmFailed, ServiceAnswer, ServiceRequest
from peer.choreography.caps import Admission, ParticleCaps
from peer.choreography.identities import Identities, OwnIdentity
from peer.choreography.live import LiveParticle, Strand
from peer.choreography.memory import ParticleMemory
from peer.choreography.trail import Trails
from wasmarket.kernel.documents.particles import Particle
from wasmarket.kernel.errors import LimitReached, MarketError
from wasmarket.serving.daemon import Pace, TaskLoop

logger = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 1.0
NO_SCRIPT: Final = 1
"""AquaVM's code for a script that does not parse, or nests too deeply."""
MOST_FAILED_US: Final = 3_000_000
"""How long invokes of one particle at one identity may take that come to nothing: one that takes
all its time, and what is short beside it."""

Answer = ServiceAnswer | Awaitable[ServiceAnswer]
CallService = Callable[[LiveParticle, OwnIdentity, ServiceRequest], Answer]
"""Does a call, at once or later; must not raise, but answer with a code."""


class Carrier(Protocol):
    """Whoever takes particles to others."""

    def send(self, live: LiveParticle, data: bytes, peer_id: str) -> None:
        """Send a particle with this data to a peer or client; what goes wrong is in its trail."""


class Watcher(Protocol):
    """Whoever waits for what becomes of a particle that began here."""

    def fail(self, live: LiveParticle, problem: str) -> None:
        """Be told that the particle does not go on at its initiator."""


class ParticleHost:
    """All particles of this peer. Event loop only."""

    def __init__(
        self,
        avm: Avm,
        identities: Identities,
        memory: ParticleMemory,
        trails: Trails,
        caps: ParticleCaps,
        *,
        call: CallService,
        carrier: Carrier,
    ) -> None:
        self._avm = avm
        self._identities = identities
        self._memory = memory
        self._trails = trails
        self._caps = caps
        self._admission = Admission(caps)
        self._call = call
        self._carrier = carrier
        self._tasks: set[asyncio.Task[None]] = set()
        self.watcher: Watcher | None = None
        self.on_sweep: Callable[[], None] = lambda: None
        """Called about once a second."""
        self.sweeping = TaskLoop("particles", self._sweep, Pace(SWEEP_SECONDS))

    def __len__(self) -> int:
        return len(self._memory)

    @property
    def held_bytes(self) -> int:
        """Return how many bytes of particles are in memory."""
        return self._memory.held_bytes

    def count_address(self, address: str) -> None:
        """Count a request that brings a particle. Raises RateLimited."""
        self._admission.count_address(address)

    def accept(self, particle: Particle, address: str = "") -> None:
        """Take a particle that somebody brought; `address` is empty for what needs no counting.

        Raises TooLarge, InvalidInput, Expired, InvalidSignature, RateLimited, LimitReached.
        """
        if address:
            self._admission.count_address(address)
        live = self._memory.find(particle.signature)
        if live is None:
            self._admission.check(particle)
            self._admission.count(particle, len(self._memory))
            live = self._memory.add(particle)
        else:
            self._check_known(live.particle, particle)
        live.trail.arrivals += 1
        self.deliver(live, self._identities.own, particle.data)

    def begin(self, particle: Particle, identity: OwnIdentity) -> LiveParticle:
        """Start a particle of this peer's own making at its initiator. Raises as `accept`."""
        self._admission.check(particle)
        self._admission.count(particle, len(self._memory))
        live = self._memory.add(particle)
        self.deliver(live, identity, b"")
        return live

    def deliver(self, live: LiveParticle, identity: OwnIdentity, data: bytes) -> None:
        """Give new data to one of our identities. Raises LimitReached."""
        strand = live.strands.setdefault(identity.peer_id, Strand(identity))
        if strand.is_stopped or (strand.invokes and (not data or data == strand.previous)):
            return
        if data in strand.arrived:
            return
        if len(strand.arrived) >= self._caps.inbox or not self._memory.may_take(len(data)):
            raise LimitReached(
                f"particle {live.particle.id} has more data waiting here than may wait",
                remedy="try again in a moment",
            )
        strand.arrived.append(data)
        self._memory.remeasure(live)
        self._wake(live, strand)

    def load(self) -> None:
        """Take up the particles of an earlier run."""
        self._memory.load()

    async def close(self) -> None:
        """Stop, and keep what is under way for the next run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._avm.stop()
        await self._memory.save()

    def _check_known(self, known: Particle, particle: Particle) -> None:
        """Check what comes again: the signature says that it is the same in all but its data."""
        if particle.with_data(b"") != known:
            # Another particle under a signature that was seen: it cannot be the initiator's.
            self._admission.check(particle)
        self._admission.check_data(particle.data)

    def _wake(self, live: LiveParticle, strand: Strand) -> None:
        if not strand.is_running and not strand.is_stopped and (strand.arrived or strand.answers):
            strand.is_running = True
            self._spawn(self._run(live, strand))

    async def _run(self, live: LiveParticle, strand: Strand) -> None:
        try:
            while (strand.arrived or strand.answers) and not strand.is_stopped:
                if self._memory.find(live.key) is not live:
                    return
                await self._take_turn(live, strand)
        except MarketError as error:
            self._stop(live, strand, f"it could not be run: {error.detail}")
        finally:
            strand.is_running = False
            if self._memory.find(live.key) is live:
                self._memory.remeasure(live)
            self._end_stuck(live)

    async def _take_turn(self, live: LiveParticle, strand: Strand) -> None:
        if strand.invokes >= self._caps.invokes:
            self._stop(live, strand, f"it has had its {self._caps.invokes} invokes here")
            return
        data = strand.arrived.popleft() if strand.arrived else b""
        answers, strand.answers = strand.answers, {}
        strand.invokes += 1
        identity = strand.identity
        try:
            turn = await self._avm.invoke(
                live.particle, identity.peer_id, identity.seed, strand.previous, data, answers
            )
        except AvmFailed as failed:
            strand.failed_us += failed.duration_us
            is_over = strand.failed_us > MOST_FAILED_US
            self._refuse(live, strand, failed.detail, data, answers, is_over=is_over)
            return
        live.trail.invokes += 1
        live.trail.invoke_us += turn.duration_us
        if not turn.is_good:
            text = f"AquaVM refuses it ({turn.code}): {turn.problem}"
            self._refuse(live, strand, text, data, answers, is_over=turn.code == NO_SCRIPT)
            return
        if len(turn.data) > self._caps.data_bytes:
            text = f"its data has grown over {self._caps.data_bytes} bytes"
            self._refuse(live, strand, text, data, answers)
            return
        strand.previous = turn.data
        self._memory.remeasure(live)
        if turn.code:
            self._tell(live, strand, f"a call failed that nothing caught: {turn.problem}")
        for peer_id in turn.next_peers:
            self._send(live, turn.data, peer_id)
        for request in turn.requests:
            self._ask(live, strand, request)

    def _refuse(
        self,
        live: LiveParticle,
        strand: Strand,
        problem: str,
        data: bytes,
        answers: dict[int, ServiceAnswer],
        *,
        is_over: bool = False,
    ) -> None:
        """Go on without data that is no good: who sent it must not stop what others do.

        Answers that went with it are given again, alone.
        """
        if is_over or not data:
            self._stop(live, strand, problem)
            return
        strand.answers = answers | strand.answers
        self._note(live, f"data that came is left out: {problem}")

    def _send(self, live: LiveParticle, data: bytes, peer_id: str) -> None:
        identity = self._identities.find(peer_id)
        if identity is None:
            live.has_left = True
            self._carrier.send(live, data, peer_id)
            return
        try:
            self.deliver(live, identity, data)
        except LimitReached as error:
            live.trail.add_problem(error.detail)

    def _ask(self, live: LiveParticle, strand: Strand, request: ServiceRequest) -> None:
        strand.calls += 1
        if strand.calls > self._caps.calls:
            self._stop(live, strand, f"it asks for more than {self._caps.calls} calls here")
            return
        answer = self._call(live, strand.identity, request)
        if isinstance(answer, ServiceAnswer):
            strand.answers[request.number] = answer
            return
        strand.calling += 1
        self._spawn(self._await_answer(live, strand, request.number, answer))

    async def _await_answer(
        self, live: LiveParticle, strand: Strand, number: int, answer: Awaitable[ServiceAnswer]
    ) -> None:
        try:
            strand.answers[number] = await answer
        finally:
            strand.calling -= 1
        self._wake(live, strand)
        self._end_stuck(live)

    def _end_stuck(self, live: LiveParticle) -> None:
        """Tell who waits for a particle that nothing can move any more: it is nowhere else."""
        if self.watcher is not None and live.is_idle and not live.has_left:
            last = f"; last of all: {live.trail.problems[-1]}" if live.trail.problems else ""
            self.watcher.fail(live, f"the script waits for a value that nobody gives{last}")

    def _stop(self, live: LiveParticle, strand: Strand, problem: str) -> None:
        """Let a particle not go on at one identity."""
        strand.is_stopped = True
        strand.arrived.clear()
        strand.answers.clear()
        self._tell(live, strand, problem)

    def _tell(self, live: LiveParticle, strand: Strand, problem: str) -> None:
        self._note(live, problem)
        if self.watcher is not None and strand.identity.peer_id == live.particle.init_peer_id:
            self.watcher.fail(live, problem)

    def _note(self, live: LiveParticle, problem: str) -> None:
        particle = live.particle
        live.trail.add_problem(problem)
        extra = {"particle": particle.id, "initiator": particle.init_peer_id, "why": problem[:300]}
        logger.info("particle is not well", extra=extra)

    async def _sweep(self) -> None:
        for live in self._memory.expire():
            if self.watcher is not None:
                self.watcher.fail(live, f"the script did not end within {live.particle.ttl} ms")
        self._trails.prune()
        self.on_sweep()
        await self._memory.save()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._end_task)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a particle's work failed", exc_info=error)

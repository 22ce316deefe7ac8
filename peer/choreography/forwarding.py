"""Take particles to other peers over their HTTP, and to clients that are connected here."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from peer.choreography.caps import now_ms
from peer.choreography.directory import PeerDirectory
from peer.choreography.live import LiveParticle
from wasmarket.kernel.documents.particles import Particle, encode_particle
from wasmarket.kernel.endpoints import parse_endpoint
from wasmarket.kernel.errors import InvalidInput, MarketError
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.peer_wire.connection import Outgoing
from wasmarket.serving.peer_wire.wire import PooledWire

logger = logging.getLogger(__name__)

PATH: Final = "/v1/particles"
HEADERS: Final = ((b"content-type", b"application/msgpack"),)
ACCEPTED: Final = 202
AT_ONCE: Final = 8
"""Requests to one peer that are under way together."""
MOST_WAITING_BYTES: Final = 32 << 20
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 3.0
CONNECT_SECONDS: Final = 5.0
TRY_SECONDS: Final = 10.0
TRY_AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)

ToClient = Callable[[str, Particle], bool]
"""Gives a particle to a connected client; says whether there is such a client."""


class SendRefused(Exception):
    """The next peer does not take the particle, now or later."""


class ParticleForwarder:
    """Sends particles on, each within its ttl. Event loop only."""

    def __init__(self, directory: PeerDirectory, outbound: Outbound) -> None:
        self._directory = directory
        self._wire = PooledWire(
            outbound, connect_seconds=CONNECT_SECONDS, answer_seconds=TRY_SECONDS
        )
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting_bytes = 0
        self.to_client: ToClient = lambda peer_id, particle: False

    def send(self, live: LiveParticle, data: bytes, peer_id: str) -> None:
        """Send a particle on; what comes of it is in its trail."""
        particle = live.particle.with_data(data)
        if self.to_client(peer_id, particle):
            live.trail.add_sending(peer_id)
            return
        if not self._directory.endpoints_of(peer_id):
            live.trail.add_sending(peer_id, "no client here and no peer on chain has this id")
            return
        if self._waiting_bytes > MOST_WAITING_BYTES:
            live.trail.add_sending(peer_id, "too many particles wait to be sent")
            return
        frame = encode_particle(particle)
        self._waiting_bytes += len(frame)
        task = asyncio.ensure_future(self._deliver(live, peer_id, frame))
        self._tasks.add(task)
        task.add_done_callback(self._end)

    async def close(self) -> None:
        """Give up what is not sent yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._wire.close()

    async def _deliver(self, live: LiveParticle, peer_id: str, frame: bytes) -> None:
        seconds = (live.particle.expires - now_ms()) / 1_000
        problem = ""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                pause = FIRST_PAUSE
                while True:
                    # Asked each time: a peer that came back may be somewhere else.
                    for endpoint in self._directory.endpoints_of(peer_id):
                        problem = await self._try(endpoint, frame)
                        if not problem:
                            return live.trail.add_sending(peer_id)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        except TimeoutError:
            live.trail.add_sending(peer_id, problem or "its time was over before it was sent")
        except SendRefused as refused:
            live.trail.add_sending(peer_id, str(refused))
        finally:
            self._waiting_bytes -= len(frame)

    async def _try(self, endpoint: str, frame: bytes) -> str:
        """Send once; return what is to be tried again. Raises SendRefused for what is not."""
        gate = self._gates.setdefault(endpoint, asyncio.Semaphore(AT_ONCE))
        outgoing = Outgoing("POST", PATH, HEADERS, frame, idempotent=True)
        try:
            url = parse_endpoint(endpoint)
        except InvalidInput as error:
            raise SendRefused(f"its endpoint on chain is none: {error.detail}") from error
        try:
            async with gate, asyncio.timeout(TRY_SECONDS):
                answer = await self._wire.open(url, outgoing)
        except TimeoutError:
            return f"{endpoint} does not answer"
        except MarketError as error:
            return f"{endpoint}: {error.detail[:200]}"
        status = answer.status
        answer.close()
        if status == ACCEPTED:
            return ""
        if status in TRY_AGAIN:
            return f"{endpoint} answers {status}"
        raise SendRefused(f"{endpoint} answers {status}")

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a particle was not sent", exc_info=error)

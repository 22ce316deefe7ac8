"""The supervisor's end of the fork server: have workers forked, end them, wait for their end."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import peer
from peer.runtime.components.compiling import compile_components
from peer.runtime.errors import StartFailed
from peer.runtime.messages import Setup
from peer.runtime.workers.cores import Cores
from peer.runtime.workers.fork_protocol import PID_BYTES, READY, REQUEST

ROOT: Final = Path(peer.__file__).resolve().parents[1]
FORK_SECONDS: Final = 20.0


class Child:
    """A worker's process, which is a child of the fork server."""

    def __init__(self, pid: int, descriptor: int) -> None:
        """`descriptor` names the process for as long as it is open, whatever becomes of it."""
        self.pid = pid
        self._descriptor = descriptor

    def kill(self) -> None:
        """End it at once."""
        if self._descriptor >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    async def wait(self) -> None:
        """Wait until it has ended."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            try:
                await _wait_readable(descriptor)
            finally:
                os.close(descriptor)


class WorkerSpawner:
    """Has workers forked. One for each event loop; starts the fork server when it is needed."""

    def __init__(self, cores: Cores | None = None) -> None:
        """`cores` are those that workers are pinned to; without, they run anywhere."""
        self.cores = cores or Cores()
        self.planning = asyncio.Semaphore(1)
        """Held while modules are checked: it keeps a core busy."""
        # Held while a component is compiled: it keeps all cores busy.
        self._compiling = asyncio.Semaphore(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._is_ready = False
        self._lock = asyncio.Lock()

    async def spawn(self, channel: socket.socket, page: int) -> Child:
        """Return a new worker that has these two. Raises StartFailed."""
        async with self._lock:
            for _ in range(2):
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(FORK_SECONDS):
                        return await self._fork(channel, page)
                # The fork server has gone, and its workers with it: the next one is new.
                await self._end()
        raise StartFailed("no worker process can be made")

    async def compile(self, setup: Setup) -> None:
        """Have the components of services compiled, one at a time; what is there already is kept.

        Raises `ModuleError` for one that does not compile, `StartFailed` when it takes too much.
        """
        async with self._compiling:
            await compile_components(setup.services, setup.cache_dir)

    async def start(self) -> None:
        """Start the fork server and wait until it is ready, so that no worker waits for it.

        If that fails, the first worker's start finds out why.
        """
        async with self._lock:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(FORK_SECONDS):
                    await self._greet()

    async def close(self) -> None:
        """End the fork server and every worker that is left."""
        async with self._lock:
            await self._end()

    def _ensure(self) -> socket.socket:
        if self._channel is None or self._process is None or self._process.poll() is not None:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with theirs:
                # NOTE: a new program, not a fork: nothing of the supervisor's memory (its keys)
                # and nothing of its environment gets into the workers.
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",
                        "-m",
                        "peer.runtime.workers.fork_server",
                        str(theirs.fileno()),
                    ],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                )
            if self._channel is not None:
                self._channel.close()
            self._channel, self._is_ready = ours, False
        return self._channel

    async def _greet(self) -> socket.socket:
        """Return the socket of a fork server that is ready."""
        fork_server = self._ensure()
        if not self._is_ready:
            await _wait_readable(fork_server.fileno())
            if fork_server.recv(len(READY)) != READY:
                raise ConnectionResetError("the fork server has gone")
            self._is_ready = True
        return fork_server

    async def _fork(self, channel: socket.socket, page: int) -> Child:
        fork_server = await self._greet()
        socket.send_fds(fork_server, [REQUEST], [channel.fileno(), page])
        await _wait_readable(fork_server.fileno())
        answer, descriptors, _, _ = socket.recv_fds(fork_server, PID_BYTES, 1)
        if len(answer) < PID_BYTES:
            raise ConnectionResetError("the fork server has gone")
        return Child(int.from_bytes(answer, "big"), descriptors[0] if descriptors else -1)

    async def _end(self) -> None:
        channel, self._channel = self._channel, None
        process, self._process = self._process, None
        if channel is not None:
            channel.close()
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait)


async def _wait_readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(descriptor, settle)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)

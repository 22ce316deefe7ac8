"""Run programs of the host for modules that mount them: only those that the provider names.

A program runs as nobody where the peer is root, in an empty folder that goes when it ends, with an
empty environment and limits of its own, and without a network unless the provider lets it have the
host's. It does see the host's files: the provider says which program may be so trusted with
arguments of strangers.
"""

import asyncio
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import peer
from peer.runtime.effectors import launch
from peer.runtime.sandbox.privileges import NOBODY, is_root

logger = logging.getLogger(__name__)

FAILED: Final = -1
KEEP_USER: Final = -1
READ_BYTES: Final = 64 << 10
DRAIN_SECONDS: Final = 1.0
ROOT: Final = Path(peer.__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class ProgramLimits:
    """What a run may take: bytes of each output, of memory and of a file, seconds, at once."""

    output_bytes: int = 4 << 20
    memory_bytes: int = 1 << 30
    file_bytes: int = 64 << 20
    arguments: int = 256
    argument_bytes: int = 64 << 10
    seconds: float = 30.0
    parallel: int = 4


class ProgramGate:
    """The programs of a peer, by the names under which apps mount them."""

    def __init__(
        self,
        find: Callable[[], Mapping[str, str]],
        limits: ProgramLimits | None = None,
        find_networked: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """`find` returns the paths of the programs that the provider allows now, by name, and
        `find_networked` the names of those that have the host's network.
        """
        self._find = find
        self._find_networked = find_networked
        self._kept_by: str | None = None
        self._limits = limits or ProgramLimits()
        self._slots = asyncio.Semaphore(self._limits.parallel)
        self._cpu_seconds = int(self._limits.seconds) + 1

    async def run(self, name: str, arguments: Sequence[str], ends_at: float) -> dict[str, Any]:
        """Return what the program answered. Raises TimeoutError at `ends_at`, the loop's time."""
        limits = self._limits
        path = self._find().get(name)
        if path is None:
            return _fail(f"the program {name!r} is not allowed here any more")
        size = sum(len(argument.encode()) for argument in arguments)
        if len(arguments) > limits.arguments or size > limits.argument_bytes:
            return _fail("the command is too long")
        if any("\0" in argument for argument in arguments):
            return _fail("an argument has a NUL")
        own_end = asyncio.get_running_loop().time() + limits.seconds
        try:
            async with asyncio.timeout_at(min(own_end, ends_at)), self._slots:
                return await self._run(path, arguments, name in self._find_networked())
        except TimeoutError:
            if own_end > ends_at:
                raise
            return _fail(f"the program took more than {limits.seconds:g} s")
        except OSError as error:
            return _fail(f"the program cannot be run: {error.strerror}")

    async def _run(self, path: str, arguments: Sequence[str], has_network: bool) -> dict[str, Any]:
        if not has_network and self._kept_by is None:
            answer = await self._launch([], False)
            self._kept_by = answer["stdout"].decode().strip()
            level = logging.INFO if self._kept_by else logging.ERROR
            extra = {"kept_by": self._kept_by or "nothing: none is run"}
            logger.log(level, "programs of apps have no network", extra=extra)
        return await self._launch([path, *arguments], has_network)

    async def _launch(self, command: Sequence[str], has_network: bool) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="wasmarket-", ignore_cleanup_errors=True) as folder:
            user = NOBODY if is_root() else KEEP_USER
            if is_root():
                os.chown(folder, user, user)
            limits = (user, self._limits.memory_bytes, self._limits.file_bytes, self._cpu_seconds)
            # NOTE: a new Python, not a fork: nothing of the peer's memory gets there.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                launch.__name__,
                *map(str, (*limits, int(has_network))),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=folder,
                env={"PYTHONPATH": str(ROOT)},
                start_new_session=True,
            )
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                stdout, stderr = await asyncio.gather(
                    self._read(process, process.stdout), self._read(process, process.stderr)
                )
                if stdout is None or stderr is None:
                    return _fail(f"the program printed more than {self._limits.output_bytes} bytes")
                code = await process.wait()
            finally:
                await _end(process)
        return {"ret_code": code, "error": "", "stdout": stdout, "stderr": stderr}

    async def _read(
        self, process: asyncio.subprocess.Process, stream: asyncio.StreamReader
    ) -> bytes | None:
        """Return all that comes, None if it is too much; that ends the program."""
        data = bytearray()
        while chunk := await stream.read(READ_BYTES):
            data += chunk
            if len(data) > self._limits.output_bytes:
                _kill(process)
                return None
        return bytes(data)


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process; read what is left, so that its pipes close."""
    _kill(process)
    await process.wait()
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            for stream in (process.stdout, process.stderr):
                while stream is not None and await stream.read(READ_BYTES):
                    pass


def _fail(error: str) -> dict[str, Any]:
    return {"ret_code": FAILED, "error": error, "stdout": b"", "stderr": b""}

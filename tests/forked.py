"""Start a script as a process of its own without its second of imports: it is forked.

One process for each script has imported it, and is forked for every start. What is measured of the
fork begins with its `main`.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from tests.paths import CHECKOUT

SERVER = Path(__file__).with_name("fork_server.py")


class Forked:
    """One such process, handled as a `subprocess.Popen` is; `stdout` is text. Any thread."""

    def __init__(self, pid: int, output: int, code: int) -> None:
        self.pid = pid
        self.stdout: IO[str] = os.fdopen(output)
        self.returncode: int | None = None
        self._code = code
        self._turn = threading.Lock()
        # Not before: another thread may wait for it.
        weakref.finalize(self, os.close, code)

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.wait()

    def poll(self) -> int | None:
        """Return the exit code if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended. Raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._code], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            with self._turn:
                if self.returncode is None:
                    self.returncode = int(os.read(self._code, 16) or -signal.SIGKILL)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.send_signal(signal.SIGKILL)


class Script:
    """A script that is imported once and forked for every start; any thread."""

    def __init__(self, path: Path) -> None:
        """Nothing is started before the first fork."""
        self._path = path
        self._turn = threading.Lock()
        self._requests: socket.socket | None = None

    def start(
        self, *arguments: str, environment: Mapping[str, str], errors: int | IO[str] = 2
    ) -> Forked:
        """Call its `main` in a fork, which has this environment; `errors`: where stderr goes."""
        request = {"arguments": arguments, "environment": dict(environment)}
        (output, its_output), (code, its_code) = os.pipe(), os.pipe()
        stderr = errors if isinstance(errors, int) else errors.fileno()
        try:
            with self._turn:
                requests = self._requests = self._requests or self._serve()
                files = [its_output, stderr, its_code]
                socket.send_fds(requests, [json.dumps(request).encode()], files)
                pid = int(requests.recv(32))
        except (OSError, ValueError) as error:
            os.close(output)
            os.close(code)
            raise AssertionError(f"{self._path} cannot be imported") from error
        finally:
            os.close(its_output)
            os.close(its_code)
        return Forked(pid, output, code)

    def _serve(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            server = subprocess.Popen(
                [sys.executable, "-P", str(SERVER), str(self._path)],
                stdin=theirs,
                env={"PYTHONPATH": str(CHECKOUT), "PATH": os.defpath, **_caches()},
            )

        def end() -> None:
            ours.close()
            server.wait()

        atexit.register(end)
        return ours


def _caches() -> dict[str, str]:
    # Where compiled things of this user are.
    return {name: os.environ[name] for name in ("HOME", "NUMBA_CACHE_DIR") if name in os.environ}

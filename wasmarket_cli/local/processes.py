"""Run our own commands as child processes that say when they are ready and end with us."""

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import wasmarket_cli
from wasmarket.client.home import ENVIRONMENT, Home
from wasmarket.kernel.errors import MarketError, TimedOut

ROOT = Path(wasmarket_cli.__file__).resolve().parents[1]
"""Where the packages of this command are: a child runs the same ones."""
STOP_SECONDS = 15.0


class ProcessFailed(MarketError):
    """A process ended when it should not"""

    slug = "process-failed"


class Process:
    """One of our commands in a process of its own."""

    def __init__(
        self, name: str, arguments: Sequence[str], home: Home, environ: Mapping[str, str]
    ) -> None:
        """`arguments` follow `wasmarket`; the log is `logs/<name>.log` of the home."""
        self.name = name
        self.url = ""
        self._arguments = list(arguments)
        self._home = home
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._drain: threading.Thread | None = None

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self._home.logs / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Its process id. Raises ProcessFailed if it was never started."""
        if self._process is None:
            raise ProcessFailed(f"{self.name} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; `wait_ready` says when it serves."""
        self._home.logs.mkdir(parents=True, exist_ok=True)
        command = [
            *_end_with_parent(),
            *(sys.executable, "-P", "-m", "wasmarket_cli", "--home", str(self._home.root)),
            *self._arguments,
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environ | {"PYTHONPATH": str(ROOT), ENVIRONMENT: str(self._home.root)},
                # Ctrl-C in the terminal is for us: we stop the children in order.
                start_new_session=True,
            )

    def wait_ready(self, seconds: float) -> str:
        """Wait for the line that says it serves; return its URL.

        Raises ProcessFailed with the last line it wrote if it ends before, TimedOut.
        """
        process = self._process
        if process is None or process.stdout is None:
            raise ProcessFailed(f"{self.name} is not running")
        seen = b""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in seen:
                if not selector.select(max(0.0, until - time.monotonic())):
                    self.kill()
                    raise TimedOut(
                        f"{self.name} did not start within {seconds:.0f} s: {self._last()}"
                    )
                chunk = os.read(process.stdout.fileno(), 65_536)
                if not chunk:
                    self._end()
                    raise ProcessFailed(
                        f"{self.name} ended before it was ready: {self._last()}",
                        remedy=f"see {self.log}",
                    )
                seen += chunk
        line, _, rest = seen.partition(b"\n")
        self.url = str(json.loads(line)["url"])
        drain = threading.Thread(target=_drain, args=(process.stdout, self.log, rest), daemon=True)
        drain.start()
        self._drain = drain
        return self.url

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._signal(signal.SIGKILL)
        self._end()

    def stop(self) -> None:
        """Ask it to end, wait, and insist if it takes too long."""
        self._signal(signal.SIGTERM)
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._end()

    def _end(self) -> None:
        """Wait until it has ended, and close what it wrote to."""
        if self._process is None:
            return
        self._process.wait()
        if self._drain is not None:
            self._drain.join()
        elif self._process.stdout is not None:
            self._process.stdout.close()

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _last(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        useful = [line for line in lines if not line.startswith("  hint:")]
        return useful[-1] if useful else "it wrote nothing"


def stop_all(processes: Sequence[Process]) -> None:
    """Stop processes together, so that the slowest decides how long it takes."""
    threads = [threading.Thread(target=process.stop) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _drain(source: IO[bytes], log: Path, seen: bytes) -> None:
    with source, log.open("ab") as sink:
        sink.write(seen)
        while chunk := os.read(source.fileno(), 65_536):
            sink.write(chunk)
            sink.flush()


def _end_with_parent() -> list[str]:
    """Return what to put before a command so that Linux ends it with the thread that started it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv is not None else []

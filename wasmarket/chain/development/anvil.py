"""Run an Anvil of our own: for tests, the demo and `wasmarket local`."""

import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Self

from wasmarket.chain.development.cheats import Cheats
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.errors import ConfigError, MarketError, PortInUse, TimedOut, Unreachable

CHAIN_ID = 31337
HOST = "127.0.0.1"
START_SECONDS = 20.0
STOP_SECONDS = 10.0

_LISTENING = re.compile(rb"Listening on .*:(?P<port>\d+)")


class Anvil:
    """A running Anvil. Ends with the thread that started it, or by `stop`."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", port: int, drain: threading.Thread
    ) -> None:
        self._process = process
        self._drain = drain
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self.rpc = Rpc(self.url)
        self.cheats = Cheats(self.rpc)

    @classmethod
    def start(
        cls,
        *,
        binary: Path | str | None = None,
        port: int = 0,
        chain_id: int = CHAIN_ID,
        block_time: float | None = None,
        no_mining: bool = False,
        state: Path | None = None,
        timestamp: int | None = None,
        log: Path | None = None,
    ) -> "Anvil":
        """Start Anvil and wait until it answers.

        `port` 0 takes any free one; `block_time` in seconds, else a block per transaction;
        `state` is loaded if it exists and written at the end; `log` takes Anvil's output.
        Raises ConfigError without a binary, PortInUse, TimedOut, Unreachable when it dies.
        """
        if port:
            check_port(port)
        command = [
            *_end_with_parent(),
            str(find_anvil(binary)),
            "--host",
            HOST,
            "--port",
            str(port),
        ]
        command += ["--chain-id", str(chain_id)]
        command += _flags(
            [("--block-time", block_time), ("--state", state), ("--timestamp", timestamp)]
        )
        command += ["--no-mining"] if no_mining else []
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A terminal's Ctrl-C reaches the whole group: Anvil must outlive those who still
            # write to it, and ends by `stop` or with us.
            start_new_session=True,
        )
        try:
            return cls(process, *_await_port(process, log))
        except BaseException:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
            raise

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def stop(self) -> None:
        """End it; the state file, if any, is written first."""
        self.rpc.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._drain.join()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def find_anvil(binary: Path | str | None = None) -> Path:
    """Return the binary: the one given, else the one on the PATH. Raises ConfigError."""
    found = shutil.which(binary or "anvil")
    if found is not None:
        return Path(found)
    raise ConfigError(
        f"there is no {binary}" if binary else "there is no `anvil` on the PATH",
        remedy="install Foundry, or in a checkout run `make setup` and use .venv/bin/wasmarket",
    )


def check_port(port: int) -> None:
    """Raise PortInUse if somebody listens on the port already, and say who."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortInUse(
                f"port {port} is in use by {describe_listener(port)}",
                field="port",
                remedy="stop it, or choose another port (0 = any free one)",
            ) from error


def describe_listener(port: int) -> str:
    """Say what answers on a local port: a chain's node, with its chain id, or something else."""
    try:
        with Rpc(f"http://{HOST}:{port}", timeout=1.0, retries=0) as rpc:
            version = str(rpc.request("web3_clientVersion"))
            chain_id = rpc.fetch_chain_id()
    except MarketError:
        return "another program"
    name = "another Anvil" if version.lower().startswith("anvil") else version
    return f"{name} (chain {chain_id})"


def _await_port(
    process: "subprocess.Popen[bytes]", log: Path | None
) -> tuple[int, threading.Thread]:
    """Read Anvil's output until it listens, then go on draining it in a thread."""
    output = process.stdout
    assert output is not None
    sink: BinaryIO | None = log.open("ab") if log is not None else None
    seen = b""
    deadline = time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while (found := _LISTENING.search(seen)) is None:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimedOut(f"Anvil did not start within {START_SECONDS:.0f} s")
            chunk = os.read(output.fileno(), 65536)
            if not chunk:
                last = seen.decode("utf-8", "replace").strip().splitlines()[-1:]
                raise Unreachable(f"Anvil did not start: {''.join(last) or 'no output'}")
            seen += chunk
    if sink is not None:
        sink.write(seen)
    drain = threading.Thread(target=_drain, args=(output, sink), name="anvil-output", daemon=True)
    drain.start()
    return int(found["port"]), drain


def _drain(source: IO[bytes], sink: BinaryIO | None) -> None:
    with source:
        while chunk := os.read(source.fileno(), 65536):
            if sink is not None:
                sink.write(chunk)
                sink.flush()
    if sink is not None:
        sink.close()


def _end_with_parent() -> list[str]:
    """Return what to put before a command so that Linux ends it with the thread that started it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv is not None else []


def _flags(pairs: Sequence[tuple[str, object]]) -> list[str]:
    return [text for flag, value in pairs if value is not None for text in (flag, str(value))]

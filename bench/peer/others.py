"""The other systems, as processes on one core: workerd and Google's functions-framework."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

SYSTEMS = Path(__file__).with_name("systems")
WORKERD = SYSTEMS / "node_modules/@cloudflare/workerd-linux-64/bin/workerd"
FRAMEWORK = SYSTEMS / "node_modules/.bin/functions-framework"
START_SECONDS = 20.0
RAW = {"Content-Type": "application/octet-stream"}


def install() -> None:
    """Install the locked packages; raise CalledProcessError when that fails."""
    subprocess.run(["npm", "--prefix", SYSTEMS, "ci", "--silent"], check=True)


@contextmanager
def run_workerd(
    core: int, port: int, config: str = "workerd.capnp"
) -> Iterator[tuple[str, psutil.Process]]:
    """Run the guest in workerd, or another worker of `systems`; give its URL and process."""
    address = f"http=127.0.0.1:{port}"
    command = [str(WORKERD), "serve", str(SYSTEMS / config), f"--socket-addr={address}"]
    with _run(command, core, port) as running:
        yield running


@contextmanager
def run_framework(core: int, port: int) -> Iterator[tuple[str, psutil.Process]]:
    """Run the guest in functions-framework on Node; give its URL and process."""
    command = ["node", str(FRAMEWORK), "--source=function.mjs", "--target=digest"]
    with _run([*command, f"--port={port}"], core, port) as running:
        yield running


@contextmanager
def _run(command: list[str], core: int, port: int) -> Iterator[tuple[str, psutil.Process]]:
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        cwd=SYSTEMS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        _wait(url)
        yield url, psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def _wait(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answer = httpx.post(url, content=b"x", headers=RAW, trust_env=False)
            answer.raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return

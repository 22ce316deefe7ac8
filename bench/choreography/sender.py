"""Bring particles at a steady rate from a process of its own, so that the caller loses no time.

As a program: `python -m bench.choreography.sender URL RATE`, frames as MessagePack on stdin; it
says `go` when the first has been taken.
"""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec

MODULE = "bench.choreography.sender"


@contextmanager
def bring_steadily(url: str, frames: list[bytes], rate: float) -> Iterator[None]:
    """Bring `rate` particles a second meanwhile. Raises RuntimeError if one was not taken."""
    command = [sys.executable, "-m", MODULE, url, str(rate)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.msgpack.encode(frames))
        process.stdin.close()
        process.stdout.readline()
        yield
        if process.wait(timeout=60):
            raise RuntimeError("not all particles were brought")
    finally:
        process.kill()
        process.wait()


def send_all(url: str, rate: float, frames: list[bytes]) -> None:
    """Send each at its time, over one connection. Raises SystemExit if one is not taken."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    began = time.perf_counter()
    for number, frame in enumerate(frames):
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        connection.request("POST", "/v1/particles", frame)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 202:
            raise SystemExit(f"{url} answers {answer.status}")
        if not number:
            print("go", flush=True)


if __name__ == "__main__":
    send_all(sys.argv[1], float(sys.argv[2]), msgspec.msgpack.decode(sys.stdin.buffer.read()))

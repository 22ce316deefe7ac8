"""What a worker process can no longer do, whoever controls it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from peer.runtime.sandbox.syscalls import MACHINES
from peer.runtime.workers.pool import WorkerPool
from tests.peer.runtime.guests import COUNTER, build_spec

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.uname().machine not in MACHINES, reason="no filter for this machine"),
]
CONFINED = """
from peer.runtime.workers.worker import confine
import ctypes, os, socket, sys
confine()
try:
    {attempt}
except PermissionError:
    sys.exit(13)
"""


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        ("socket.socket()", 13),
        ("socket.socket(socket.AF_UNIX)", 13),
        ("os.execv('/bin/true', ['true'])", 13),
        ("os.kill(os.getppid(), 0)", 13),
        ("open('/proc/self/status').close()", 0),
        ("os.fork() or os._exit(0)", 0),
    ],
)
def test_confined__what_a_worker_never_does__is_refused(attempt: str, code: int) -> None:
    program = CONFINED.format(attempt=attempt)

    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)

    assert ended.returncode == code, ended.stderr


def test_worker__while_it_serves__is_confined(tmp_path: Path) -> None:
    async def run() -> str:
        pool = WorkerPool([build_spec(COUNTER, tmp_path)], units=1, cache_dir=tmp_path / "cache")
        await pool.start()
        try:
            await pool.call("guest", "count", b"[]")
            return Path(f"/proc/{pool.pids[0]}/status").read_text()
        finally:
            await pool.stop()

    status = asyncio.run(run())

    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status

"""Programs of the host that a provider lets apps mount: confined, bounded, and no others."""

import asyncio
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from peer.runtime.effectors.host import EffectorHost
from peer.runtime.effectors.launch import FILTER, NAMESPACE, NOT_RUN
from peer.runtime.effectors.programs import ROOT, ProgramGate, ProgramLimits
from peer.runtime.errors import EffectorRefused
from peer.runtime.workers.pool import WorkerPool
from tests.peer.runtime.effectors.test_effects_in_pool import call, describe, mounting
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.app_parts import Effectors

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SHELL = {"sh": "/bin/sh", "bash": "/bin/bash", "gone": "/nowhere/program"}
LIMITS = ProgramLimits(output_bytes=1_000, arguments=8, argument_bytes=200, seconds=20)


def run(script: str, *, seconds: float = 20, limits: ProgramLimits = LIMITS) -> dict[str, Any]:
    async def work() -> dict[str, Any]:
        gate = ProgramGate(lambda: SHELL, limits)
        end = asyncio.get_running_loop().time() + seconds
        return await gate.run("sh", ["-c", script], end)

    return asyncio.run(work())


def test_program__that_ends__gives_its_code_and_outputs() -> None:
    assert run("echo out; echo err >&2; exit 3") == {
        "ret_code": 3,
        "error": "",
        "stdout": b"out\n",
        "stderr": b"err\n",
    }


def test_program__has_an_own_folder_and_nothing_of_the_peers(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    tmp_path.chmod(0o700)

    answer = run("echo x > file; ls; env; id -u; grep NoNewPrivs /proc/self/status; ulimit -c")

    text = answer["stdout"].decode()
    assert answer["stderr"] == b""
    assert text.startswith("file\n")
    assert "NoNewPrivs:\t1" in text
    assert "PYTHONPATH" not in text
    if os.geteuid() == 0:
        assert "\n65534\n" in text
        assert b"denied" in run(f"cat {secret}")["stderr"]


@pytest.mark.parametrize("script", ["yes", "yes >&2"])
def test_program__that_prints_without_end__is_ended(script: str) -> None:
    assert run(script)["error"] == "the program printed more than 1000 bytes"


def test_program__that_does_not_end__takes_the_calls_time() -> None:
    with pytest.raises(TimeoutError):
        run("sleep 60", seconds=0.3)
    limits = replace(LIMITS, seconds=0.3)
    assert run("sleep 60", limits=limits)["error"] == "the program took more than 0.3 s"


def test_program__what_it_left_running__goes_with_it() -> None:
    answer = run("sleep 60 >/dev/null 2>&1 & echo $!")

    try:
        left = os.pidfd_open(int(answer["stdout"]))
    except ProcessLookupError:
        return
    ended, _, _ = select.select([left], [], [], 10)
    os.close(left)
    assert ended


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("rm", [], "not allowed here any more"),
        ("../sh", [], "not allowed here any more"),
        ("sh", ["x"] * 9, "too long"),
        ("sh", ["x" * 201], "too long"),
        ("sh", ["a\0b"], "NUL"),
    ],
)
def test_program__that_may_not_be_run_so__is_not(
    name: str, arguments: list[str], error: str
) -> None:
    answer = asyncio.run(ProgramGate(lambda: SHELL, LIMITS).run(name, arguments, 2**40))

    assert answer["ret_code"] == -1
    assert error in answer["error"]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A service of this machine that a program might reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def connect(port: int, *networked: str) -> dict[str, Any]:
    """Let a program connect to a port of this machine."""
    script = f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached; tail -n +3 /proc/net/dev"

    async def work() -> dict[str, Any]:
        gate = ProgramGate(lambda: SHELL, LIMITS, lambda: networked)
        return await gate.run("bash", ["-c", script], 2**40)

    return asyncio.run(work())


def test_program__without_the_providers_word__has_no_network(
    listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    answer = connect(listener.getsockname()[1])

    assert b"reached" not in answer["stdout"]
    assert b"/dev/tcp" in answer["stderr"]
    [record] = [entry for entry in caplog.records if "network" in entry.message]
    kept_by = record.__dict__["kept_by"].split()
    assert FILTER in kept_by or NAMESPACE in kept_by
    if NAMESPACE in kept_by:
        assert [line.split(b":")[0].strip() for line in answer["stdout"].splitlines()] == [b"lo"]


def test_program__with_the_providers_word__has_the_machines_network(
    listener: socket.socket,
) -> None:
    answer = connect(listener.getsockname()[1], "bash")

    assert answer["stdout"].startswith(b"reached\n")
    assert "reached" not in str(connect(listener.getsockname()[1], "sh"))


# `launch` as it would be on machines that offer less.
OFFERED = {
    "filter only": "launch.leave_network = lambda: False",
    "namespace only": "launch.refuse_connections = lambda: False",
    "neither": "launch.leave_network = launch.refuse_connections = lambda: False",
}


@pytest.mark.parametrize("offered", OFFERED)
def test_launch__where_less_is_offered__keeps_from_the_network_or_runs_nothing(
    listener: socket.socket, offered: str
) -> None:
    code = f"from peer.runtime.effectors import launch\n{OFFERED[offered]}\nlaunch.main()"
    port = listener.getsockname()[1]
    command = ["/bin/bash", "-c", f"echo runs; exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached"]
    limits = ["-1", str(1 << 30), str(1 << 20), "10", "0"]

    done = subprocess.run(
        [sys.executable, "-c", code, *limits, *command],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        timeout=30,
    )

    assert "reached" not in done.stdout
    if offered == "neither":
        assert (done.returncode, done.stdout) == (NOT_RUN, "")
        assert "cannot be kept from the network" in done.stderr
    elif "it cannot be kept" not in done.stderr:
        assert done.stdout == "runs\n"


def test_program__that_is_not_there__says_so() -> None:
    answer = asyncio.run(ProgramGate(lambda: SHELL, LIMITS).run("gone", [], 2**40))

    assert (answer["ret_code"], answer["stderr"]) == (
        127,
        b"/nowhere/program: No such file or directory\n",
    )


def test_mounted_program__asked_for_and_allowed__answers_the_guest(tmp_path: Path) -> None:
    async def work() -> Any:
        async with httpx.AsyncClient(trust_env=False) as client:
            blocks = BlockFolder(tmp_path / "blocks")
            host = EffectorHost(
                blocks, tmp_path / "content", client, find_programs=lambda: {"echo": "/bin/echo"}
            )
            spec = describe(
                mounting(),
                tmp_path,
                Effectors(programs=("echo",)),
                mounted_binaries={"curl": "echo"},
            )
            pool = WorkerPool(
                [spec],
                units=1,
                cache_dir=tmp_path / "cache",
                effects=host.open([spec], tmp_path),
            )
            await pool.start()
            try:
                return await call(pool, "go", ["hello", "world"])
            finally:
                await pool.stop()
                await host.close()

    answer = asyncio.run(work())

    assert answer == {"ret_code": 0, "error": "", "stdout": "aGVsbG8gd29ybGQK", "stderr": ""}


def test_mounted_program__that_the_app_does_not_list__is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        spec = describe(mounting(), tmp_path, Effectors(), mounted_binaries={"curl": "echo"})
        pool = WorkerPool([spec], units=1, cache_dir=tmp_path / "cache")
        await pool.start()

    with pytest.raises(EffectorRefused, match="'echo'"):
        asyncio.run(work())

"""Programs of the host that a provider lets apps mount: confined, bounded, and no others."""

import asyncio
import os
import select
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from content.folder import BlockFolder
from kernel.apps import Effectors
from peer.runtime.effectors.host import EffectorHost
from peer.runtime.effectors.programs import ProgramGate, ProgramLimits
from peer.runtime.errors import EffectorRefused
from peer.runtime.pool import WorkerPool
from tests.peer.runtime.effectors.test_effects_in_pool import call, describe, mounting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]
SHELL = {"sh": "/bin/sh", "gone": "/nowhere/program"}
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

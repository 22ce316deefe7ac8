"""Workers as processes: they die, hang and are killed, and the service goes on."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from peer.runtime.errors import (
    CallRefused,
    EffectorRefused,
    FunctionNotFound,
    GuestFault,
    GuestTimeout,
    GuestTrap,
    InputTooLarge,
    ModuleError,
    NoWorker,
    StartFailed,
)
from peer.runtime.module.service import BodyKind, CallLimits, ServiceSpec
from peer.runtime.workers.pool import WorkerPool
from peer.runtime.workers.spawner import ROOT
from tests.peer.runtime import guests
from tests.peer.runtime.guests import build_guest, build_spec
from tests.peer.runtime.pools import (
    ONE,
    SPINNER,
    eventually,
    get_failure,
    in_loop,
    running,
)
from wasmarket.kernel.errors import BadContent, ContentNotFound, NotFound

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@in_loop
async def test_call__fresh_and_warm__answer_as_asked(tmp_path: Path) -> None:
    for warm, last in ((False, ONE), (True, b'{"result":3}')):
        async with running(tmp_path, build_spec(guests.COUNTER, tmp_path, warm=warm)) as pool:
            answers = [await pool.call("guest", "count", b"[]") for _ in range(3)]

        assert answers[-1].output == last
        assert answers[-1].status == 0
        assert all(answer.duration_us > 0 for answer in answers)


@in_loop
async def test_call__worker_killed_during_the_call__fails_that_call_only(tmp_path: Path) -> None:
    spec = build_spec(guests.LOOP, tmp_path, limits=CallLimits(call_ms=20_000))
    async with running(tmp_path, spec) as pool:
        (pid,) = pool.pids
        call = asyncio.create_task(get_failure(pool.call("guest", "spin", b"")))
        worker = psutil.Process(pid)
        await eventually(lambda: worker.cpu_times().user > 0.3)
        os.kill(pid, signal.SIGKILL)
        failure = await call

        assert isinstance(failure, GuestTrap)
        assert "ended while it ran this call" in str(failure)
        await eventually(lambda: len(pool.pids) == 1)
        assert pool.pids != (pid,)


@in_loop
async def test_call__guest_that_prints_much__is_not_stopped_by_it(tmp_path: Path) -> None:
    printer = build_guest(
        """(data (i32.const 0) "half a line")
        (func (export "print") (param $count i32) (result i32)
          i32.const 16 i32.const 0 i32.store i32.const 20 i32.const 11 i32.store
          (loop $more
            i32.const 1 i32.const 16 i32.const 1 i32.const 24 call $write drop
            local.get $count i32.const 1 i32.sub local.tee $count br_if $more)
          i32.const 7)""",
        "print(count: u32) -> u32",
        imports="""(import "wasi_snapshot_preview1" "fd_write"
          (func $write (param i32 i32 i32 i32) (result i32)))""",
    )
    spec = build_spec(printer, tmp_path, limits=CallLimits(call_ms=20_000))
    async with running(tmp_path, spec) as pool:
        once = await pool.call("guest", "print", b"[1]")
        much = await pool.call("guest", "print", b"[20000]")
        again = await pool.call("guest", "print", b"[1]")

    assert once.logs == again.logs == ("stdout: half a line",)
    assert much.output == b'{"result":7}'


@in_loop
async def test_call__guest_asleep_in_a_host_call__is_ended_by_killing(tmp_path: Path) -> None:
    spec = build_spec(guests.SLEEPER, tmp_path, limits=CallLimits(call_ms=1_000))
    async with running(tmp_path, spec) as pool:
        (pid,) = pool.pids
        failure = await get_failure(pool.call("guest", "sleep", b""))

        assert isinstance(failure, GuestTimeout)
        assert "did not yield" in failure.detail
        assert (await pool.call("guest", "ok", b"")).output == b'{"result":true}'
        assert pool.pids != (pid,)


@in_loop
async def test_call__endless_loop__is_ended_without_losing_the_worker(tmp_path: Path) -> None:
    spec = build_spec(guests.LOOP, tmp_path, limits=CallLimits(call_ms=100))
    async with running(tmp_path, spec) as pool:
        pids = pool.pids
        for _ in range(2):
            failure = await get_failure(pool.call("guest", "spin", b""))
            assert isinstance(failure, GuestTimeout)
            assert failure.duration_us >= 100_000

        assert pool.pids == pids


@in_loop
async def test_call__timeout_of_another_service__does_not_end_a_warm_instance(
    tmp_path: Path,
) -> None:
    limits = CallLimits(call_ms=100)
    warm = build_spec(guests.COUNTER, tmp_path, warm=True)
    spinner = replace(build_spec(SPINNER, tmp_path, limits=limits), name="spinner")
    async with running(tmp_path, warm, spinner) as pool:
        outputs = []
        for _ in range(3):
            outputs.append((await pool.call("guest", "count", b"")).output)
            failure = await get_failure(pool.call("spinner", "spin", b""))
            assert isinstance(failure, GuestTimeout)

    assert outputs == [b'{"result":%d}' % count for count in (1, 2, 3)]


@in_loop
async def test_call__fault__carries_status_logs_and_time(tmp_path: Path) -> None:
    async with running(tmp_path, build_spec(guests.LOGGER, tmp_path)) as pool:
        assert (await pool.call("guest", "say", b"[0]")).logs == ("warn: hello",)
        failure = await get_failure(pool.call("guest", "shout", b""))

    assert isinstance(failure, GuestFault)
    assert failure.kind == 1


@in_loop
async def test_call__wrong_requests__never_reach_the_guest(tmp_path: Path) -> None:
    spec = build_spec(guests.COUNTER, tmp_path, limits=CallLimits(call_ms=5_000, input_bytes=10))
    async with running(tmp_path, spec) as pool:
        wrong = (
            (FunctionNotFound, ("guest", "nothing", b"")),
            (FunctionNotFound, ("guest", "allocate", b"")),
            (NotFound, ("ghost", "count", b"")),
            (InputTooLarge, ("guest", "count", b" " * 11)),
            (CallRefused, ("guest", "count", b"[1]")),
        )
        for error, arguments in wrong:
            with pytest.raises(error):
                await pool.call(*arguments)
        with pytest.raises(CallRefused):
            await pool.call("guest", "count", b"", BodyKind.RAW)


@in_loop
async def test_interface__of_a_service__is_typed(tmp_path: Path) -> None:
    async with running(tmp_path, build_spec(guests.DIVISION, tmp_path)) as pool:
        assert pool.interface("guest")["functions"] == [
            {
                "name": "divide",
                "arguments": [{"name": "a", "type": "u32"}, {"name": "b", "type": "u32"}],
                "output": "u32",
            }
        ]


@in_loop
async def test_worker__has_nothing_of_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASMARKET_SECRET", "key")
    async with running(tmp_path, build_spec(guests.COUNTER, tmp_path)) as pool:
        (pid,) = pool.pids
        status = Path(f"/proc/{pid}/status").read_text()
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except PermissionError:
            # No other process may look into its memory, unless it is root's.
            environment = b""
        limits = Path(f"/proc/{pid}/limits").read_text()

    assert "NoNewPrivs:\t1" in status
    assert b"SECRET" not in environment
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert re.search(r"Max open files +256 +256 ", limits)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@in_loop
async def test_worker_of_root__is_nobody_and_writes_only_its_storage(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    storage = tmp_path / "closed" / "storage"
    storage.mkdir(parents=True, mode=0o700)
    (storage / "kept").write_text("by root")
    (tmp_path / "outside").write_text("root's")
    (storage / "link").symlink_to(tmp_path / "outside")
    opener = build_guest(
        """(data (i32.const 0) "new")
        (func (export "create") (result i32)
          i32.const 3 i32.const 0 i32.const 0 i32.const 3 i32.const 1
          i64.const 64 i64.const 0 i32.const 0 i32.const 64 call $open)""",
        "create() -> u32",
        imports="""(import "wasi_snapshot_preview1" "path_open"
          (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))""",
    )
    async with running(tmp_path, build_spec(opener, tmp_path, storage=storage)) as pool:
        (pid,) = pool.pids
        status = Path(f"/proc/{pid}/status").read_text()
        answer = await pool.call("guest", "create", b"")

    assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert "Groups:\t \n" in status
    assert "CapEff:\t0000000000000000" in status
    assert answer.output == b'{"result":0}'
    assert (storage / "new").stat().st_uid == (storage / "kept").stat().st_uid == 65534
    assert (tmp_path / "outside").stat().st_uid == 0


@in_loop
async def test_worker__ends_with_its_supervisor(tmp_path: Path) -> None:
    (module,) = build_spec(guests.COUNTER, tmp_path).modules
    code = f"""
import asyncio
from pathlib import Path
from peer.runtime.workers.pool import WorkerPool
from peer.runtime.module.service import ModuleSpec, ServiceSpec

async def main():
    module = ModuleSpec("guest", Path({str(module.path)!r}), {module.digest!r})
    cache = Path({str(tmp_path / "cache")!r})
    pool = WorkerPool([ServiceSpec("guest", (module,))], units=1, cache_dir=cache)
    await pool.start()
    print(pool.pids[0], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as supervisor:
        assert supervisor.stdout is not None
        line = await asyncio.to_thread(supervisor.stdout.readline)
        worker = psutil.Process(int(line))
        supervisor.kill()

    await eventually(lambda: not worker.is_running())


@in_loop
async def test_stop__ends_every_process_and_call(tmp_path: Path) -> None:
    spec = build_spec(guests.LOOP, tmp_path, limits=CallLimits(call_ms=20_000))
    pool = WorkerPool([spec], units=2, cache_dir=tmp_path / "cache")
    await pool.start()
    pids = pool.pids
    calls = [asyncio.create_task(get_failure(pool.call("guest", "spin", b""))) for _ in range(3)]
    workers = [psutil.Process(pid) for pid in pids]
    before = [worker.cpu_times().user for worker in workers]
    await eventually(
        lambda: all(
            worker.cpu_times().user > start + 0.05
            for worker, start in zip(workers, before, strict=True)
        )
    )
    await pool.stop()

    failures = await asyncio.gather(*calls)
    assert [type(failure) for failure in failures] == [GuestTrap, GuestTrap, NoWorker]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(NoWorker):
        await pool.call("guest", "spin", b"")


@in_loop
async def test_start__what_cannot_be_hosted__says_why(tmp_path: Path) -> None:
    good = build_spec(guests.COUNTER, tmp_path)
    (module,) = good.modules
    foreign = build_guest("", imports='(import "curl" "get" (func))')
    trapping = build_guest('(func (export "_initialize") unreachable)')
    invalid = guests.COUNTER.replace(b"\x42\x00\x0b", b"\x41\x00\x0b", 1)

    def changed(**fields: object) -> ServiceSpec:
        return ServiceSpec(**{"name": "guest", "modules": (module,), **fields})  # type: ignore[arg-type]

    moved = type(module)("m", tmp_path / "gone.wasm", module.digest)
    other = type(module)("m", module.path, b"\0" * 32)
    mapped = type(module)("m", module.path, module.digest, mapped_dirs={"x": "/storage/../etc"})
    cases = (
        (changed(modules=(module, module)), ModuleError, "two modules called guest"),
        (changed(modules=()), ModuleError, "has no module"),
        (changed(abi="lua"), ModuleError, "'lua' is not supported"),
        (changed(abi="raw"), ModuleError, "not a raw module"),
        (changed(abi="raw", modules=(module, module)), ModuleError, "cannot be linked"),
        (changed(modules=(moved,)), ContentNotFound, "gone.wasm"),
        (changed(modules=(other,)), BadContent, "does not have the hash"),
        (changed(modules=(mapped,), storage_dir=tmp_path), ModuleError, "not valid"),
        (changed(modules=(mapped,)), ModuleError, "has no storage"),
        (build_spec(foreign, tmp_path), EffectorRefused, "curl.get"),
        (build_spec(trapping, tmp_path), StartFailed, "unreachable"),
        (build_spec(invalid, tmp_path), ModuleError, "does not compile"),
        (build_spec(b"\x7fELF", tmp_path), ModuleError, "not a WebAssembly module"),
    )
    for spec, error, reason in cases:
        pool = WorkerPool([spec], units=1, cache_dir=tmp_path / "cache")
        with pytest.raises(error, match=reason):
            await pool.start()
        assert pool.pids == ()

"""The worker process: host services for a supervisor at the other end of a socket.

The fork server forks it before it is needed. It holds no key, has an empty environment and ends
when the supervisor does. A fault of a guest is an answer; a fault of this program ends it, and the
supervisor starts another.
"""

import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from wasmtime import Linker

from peer.runtime.components.component_host import ComponentHost
from peer.runtime.errors import ModuleError, StartFailed
from peer.runtime.execution.deadline import Watchdog
from peer.runtime.execution.engine import AotCache, InstancePool, build_engine
from peer.runtime.execution.service_host import ServiceHost
from peer.runtime.messages import Ready, Setup, SetupFailed
from peer.runtime.module.code_files import EngineSettings
from peer.runtime.module.module_file import read_modules
from peer.runtime.module.service import COMPONENT_ABI, ServiceSpec
from peer.runtime.sandbox.output_pipes import OutputPipes
from peer.runtime.sandbox.privileges import (
    PR_SET_PDEATHSIG,
    enter_storage,
    give_up_root,
    is_root,
    keep_memory_private,
)
from peer.runtime.sandbox.storage_guard import StorageGuard, end_worker
from peer.runtime.sandbox.syscalls import refuse_syscalls
from peer.runtime.workers.channel import WorkerChannel
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.reasons import LeaveReason

PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_NAME: Final = 15
SPARE_NAME: Final = b"wasm-spare"
WORKER_NAME: Final = b"wasm-worker"
MAX_OPEN_FILES: Final = 256
MAX_FILE_BYTES: Final = 1 << 30
VALUE_BYTES: Final = 1 << 30
"""What values of components may take on their way in and out."""


def confine() -> None:
    """Give up what a worker never needs: new privileges, a network, core files, orphanhood."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in ((PR_SET_NO_NEW_PRIVS, 1), (PR_SET_PDEATHSIG, signal.SIGKILL)):
        if prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl {option} was refused")
    keep_memory_private()
    refuse_syscalls()
    for kind, limit in (
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
    ):
        _, hard = resource.getrlimit(kind)
        lowered = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lowered, lowered))


def name_process(name: bytes) -> None:
    """Set the name under which people see the process; at most 15 bytes."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, name, 0, 0, 0)


def size_pool(services: Sequence[ServiceSpec]) -> InstancePool:
    """Return room for every module twice: the warm instance, and the one that replaces it."""
    return InstancePool(
        instances=2 * sum(len(spec.modules) for spec in services),
        memory_bytes=max(spec.total_memory_limit for spec in services),
    )


def bound_memory(services: Sequence[ServiceSpec]) -> None:
    """Bound what this process may have, once all is loaded.

    Engines copy what a component gives value by value: without this, an answer of some megabytes
    of guest memory could take gigabytes here.
    """
    guests = 2 * sum(spec.total_memory_limit for spec in services)
    status = Path("/proc/self/status").read_text()
    held = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:"))
    limit = (held << 10) + guests + VALUE_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def load_services(
    setup: Setup, channel: WorkerChannel, output: OutputPipes
) -> tuple[dict[str, ServiceHost | ComponentHost], StorageGuard]:
    """Load every service and try that it starts; raise `ModuleError` for the first that cannot.

    A worker started as root stops being so once everything is compiled, before any guest runs.
    """
    services = enter_storage(setup.services) if is_root() else setup.services
    settings = EngineSettings.of(services)
    engine = build_engine(settings, size_pool(services))
    cache = AotCache(setup.cache_dir, engine, settings)
    guards: list[StorageGuard] = []

    def tick() -> None:
        channel.tick()
        for guard in guards:
            guard.tick()

    watchdog = Watchdog(engine, on_tick=tick)
    hosts: dict[str, ServiceHost | ComponentHost] = {}
    for spec in services:
        wasms, ask = read_modules(spec), partial(channel.ask, spec.name)
        is_metered = settings.consume_fuel
        if spec.abi == COMPONENT_ABI:
            hosts[spec.name] = ComponentHost(
                spec,
                wasms[0],
                engine,
                cache,
                watchdog,
                is_metered=is_metered,
                ask=ask,
                output=output,
            )
            continue
        hosts[spec.name] = ServiceHost(
            spec, wasms, engine, cache, watchdog, is_metered=is_metered, ask=ask, output=output
        )
    if settings.has_components:
        bound_memory(services)
    folders = [spec.storage_dir for spec in services if spec.storage_dir is not None]
    if is_root():
        try:
            give_up_root(folders)
        except PermissionError as error:
            raise StartFailed(f"a worker of root cannot become another user ({error})") from error
    guard = StorageGuard([path for path in folders if path.is_dir()], setup.storage, end_worker)
    if guard.problem:
        raise StartFailed(guard.problem, remedy="end the deal, or ask the provider to allow more")
    guards.append(guard)
    for host in hosts.values():
        host.try_start()
    return hosts, guard


def serve(channel: WorkerChannel, output: OutputPipes) -> None:
    """Answer messages until the supervisor closes the socket."""
    setup = channel.receive_setup()
    if setup is None:
        return
    try:
        hosts, guard = load_services(setup, channel, output)
    except MarketError as error:
        reason = error.reason if isinstance(error, ModuleError) else LeaveReason.FAILED_TO_START
        channel.send(SetupFailed(reason, error.detail))
        return
    except OSError as error:
        channel.send(SetupFailed(LeaveReason.FAILED_TO_START, f"a worker cannot start: {error}"))
        return
    channel.send(Ready())
    # What is loaded stays: keep the collector from walking it again and again.
    gc.freeze()
    while (call := channel.next_call()) is not None:
        guard.look()
        channel.answer(hosts[call.service].answer(call))


def warm_up() -> None:
    """Touch what every worker uses: a process that was forked copies each page when it first does.

    That takes a good part of a worker's start, so it is done before anybody waits for it.
    """
    Linker(build_engine(EngineSettings(), InstancePool(1, 1))).define_wasi()


def run(orders: socket.socket) -> NoReturn:
    """Be a worker, once its two descriptors come over `orders`, to the end of the process."""
    try:
        confine()
        output = OutputPipes()
        warm_up()
        _, descriptors, _, _ = socket.recv_fds(orders, 1, 2)
        orders.close()
        if len(descriptors) == 2:
            ours, page = descriptors
            name_process(WORKER_NAME)
            channel = WorkerChannel(socket.socket(fileno=ours), page)
            os.close(page)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                serve(channel, output)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    # NOTE: wasmtime's own threads still hold callbacks; a tidy end of Python would free those
    # under them and abort.
    os._exit(0)

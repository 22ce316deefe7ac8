"""Fixtures: hosts that run guests inside the test's own process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from wasmtime import Engine

from peer.runtime.errors import FAULTS
from peer.runtime.execution.deadline import Watchdog
from peer.runtime.execution.engine import AotCache, build_engine
from peer.runtime.execution.service_host import ServiceHost
from peer.runtime.messages import Answer, Call
from peer.runtime.module.code_files import EngineSettings
from peer.runtime.module.module_file import read_modules
from peer.runtime.module.service import BodyKind, ServiceSpec
from tests.peer.runtime.guests import build_spec
from wasmarket.kernel.documents.receipts import CallStatus

BuildHost = Callable[..., ServiceHost]
HostService = Callable[[ServiceSpec], ServiceHost]
Engines = dict[EngineSettings, tuple[Engine, Watchdog]]


@pytest.fixture(scope="session")
def engines() -> Engines:
    """One engine for each configuration.

    Not at import: wasmtime's signal handlers must be set after those of pytest's faulthandler.
    """
    built = {}
    for settings in (EngineSettings(), EngineSettings(consume_fuel=True)):
        engine = build_engine(settings)
        built[settings] = engine, Watchdog(engine)
    return built


@pytest.fixture
def host_service(tmp_path_factory: pytest.TempPathFactory, engines: Engines) -> HostService:
    """Return a function from a service's description to a host of it."""

    def build(spec: ServiceSpec) -> ServiceHost:
        is_metered = spec.limits.fuel is not None
        settings = EngineSettings(consume_fuel=is_metered)
        engine, watchdog = engines[settings]
        cache = AotCache(tmp_path_factory.getbasetemp() / "aot", engine, settings)
        return ServiceHost(spec, read_modules(spec), engine, cache, watchdog, is_metered=is_metered)

    return build


@pytest.fixture
def build_host(tmp_path: Path, host_service: HostService) -> BuildHost:
    """Return a function from a module and options to a host of it."""

    def build(wasm: bytes, **options: object) -> ServiceHost:
        return host_service(build_spec(wasm, tmp_path, **options))  # type: ignore[arg-type]

    return build


def run(
    host: ServiceHost, function: str, body: bytes = b"", *, kind: BodyKind = BodyKind.JSON
) -> Answer:
    """Call and return the answer, whatever its status."""
    return host.answer(Call("guest", function, body, kind, {}))


def ask(
    host: ServiceHost, function: str, body: bytes = b"", *, kind: BodyKind = BodyKind.JSON
) -> bytes:
    """Call and return the body; raise the fault that a pool would raise."""
    answer = run(host, function, body, kind=kind)
    if answer.status:
        raise FAULTS[CallStatus(answer.status)](answer.detail, field=answer.field)
    return answer.output

"""Prepare a version of a deal's app: fetch it, check it, and lay its modules ready for workers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from peer.folder import write_atomically
from peer.hosting.refusals import BadManifest
from peer.policy.file import PolicyFile
from peer.policy.policy import PolicyRefused, check_credit, check_manifest
from peer.runtime.module.service import (
    COMPONENT_ABI,
    CallLimits,
    InstanceMode,
    ModuleSpec,
    ServiceSpec,
)
from wasmarket.content.fetcher import Fetcher
from wasmarket.kernel.documents.app_parts import (
    FUEL_SCHEDULE,
    Effectors,
    Limits,
    Manifest,
    Module,
    Service,
)
from wasmarket.kernel.documents.content_ids import Cid, app_cid
from wasmarket.kernel.documents.manifest import parse_manifest
from wasmarket.kernel.errors import BadContent, ContentNotFound, InvalidInput, TooLarge
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.reasons import LeaveReason
from wasmarket.kernel.units import Hash

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0

FindSources = Callable[[], Sequence[str]]
"""Returns the sources to ask now, best first."""


class FindSchedules(Protocol):
    """Returns the fuel schedules by which an app can be counted here."""

    async def __call__(self, *, has_components: bool) -> frozenset[int]: ...


async def trust_engine(*, has_components: bool) -> frozenset[int]:
    """Return the schedule of the engine in the lock, untried."""
    return frozenset((FUEL_SCHEDULE,))


@dataclass(frozen=True, slots=True)
class Version:
    """An app that may run here, with what the workers need; `app` as the chain names it."""

    app: Hash
    manifest: Manifest
    specs: tuple[ServiceSpec, ...]

    @property
    def cid(self) -> Cid:
        """Return the manifest's content id."""
        return app_cid(self.app)


class Preparer:
    """Makes versions out of content ids."""

    def __init__(
        self,
        fetcher: Fetcher,
        policy: PolicyFile,
        modules: Path,
        fetch_seconds: float,
        find_schedules: FindSchedules = trust_engine,
    ) -> None:
        """Lay modules into the folder `modules`; try sources for at most `fetch_seconds`."""
        self._find_schedules = find_schedules
        self._fetcher = fetcher
        self._policy = policy
        self._modules = modules
        self._seconds = fetch_seconds

    async def prepare(
        self,
        app: Hash,
        memory_mib: int,
        storage: Path,
        find_sources: FindSources,
        *,
        is_metered: bool = False,
    ) -> Version:
        """Return the version once all of it is here and allowed.

        `find_sources` is asked again at every try. Raises ContentNotFound or BadContent when time
        is up, BadManifest, PolicyRefused.
        """
        deadline = asyncio.get_running_loop().time() + self._seconds
        block = await self._fetch(app_cid(app), find_sources, deadline, None)
        try:
            manifest = parse_manifest(block)
        except InvalidInput as error:
            raise BadManifest(error.detail, field=error.field, remedy=error.remedy) from error
        policy = self._policy.current
        check_manifest(policy, manifest, memory_mib)
        await self._check_fuel(manifest, is_metered)
        if is_metered:
            check_credit(policy, manifest.limits)
        files: dict[Cid, tuple[Path, bytes]] = {}
        for cid in manifest.module_cids:
            wasm = await self._fetch(cid, find_sources, deadline, policy.max_module_bytes)
            files[cid] = await asyncio.to_thread(self._lay, wasm)
        specs = tuple(
            build_spec(
                service, manifest.limits, files, storage, manifest.effectors, manifest.settings
            )
            for service in manifest.services
        )
        return Version(app, manifest, specs)

    async def _check_fuel(self, manifest: Manifest, is_metered: bool) -> None:
        """Raise PolicyRefused unless this engine counts fuel as the app says that it is counted."""
        limits = manifest.limits
        if is_metered and (limits.fuel is None or limits.fuel_schedule is None):
            raise PolicyRefused(
                "usage cannot be counted: the app has no limit of fuel, or names no schedule",
                LeaveReason.POLICY,
                "set `fuel` in the app's limits and build it again",
            )
        schedule = limits.fuel_schedule
        if schedule is None:
            return
        has_components = any(service.abi == COMPONENT_ABI for service in manifest.services)
        if schedule not in await self._find_schedules(has_components=has_components):
            kind = " for components" if has_components else ""
            raise PolicyRefused(
                f"fuel schedule {schedule} is not the one of the engine here{kind}",
                LeaveReason.POLICY,
                "ask for peers with that engine, or build the app again",
            )

    async def _fetch(
        self, cid: Cid, find_sources: FindSources, deadline: float, limit: int | None
    ) -> bytes:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    if limit is None:
                        return await self._fetcher.fetch_block(cid, find_sources())
                    return await self._fetcher.fetch_file(cid, find_sources(), limit)
            except TooLarge as error:
                raise PolicyRefused(error.detail, LeaveReason.POLICY) from error
            except TimeoutError as error:
                raise ContentNotFound(
                    f"{cid} could not be fetched in {self._seconds:g} s: the sources do not answer"
                ) from error
            except (ContentNotFound, BadContent):
                if loop.time() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _lay(self, wasm: bytes) -> tuple[Path, bytes]:
        digest = sha256(wasm)
        path = self._modules / f"{digest.hex()}.wasm"
        if not path.exists() or sha256(path.read_bytes()) != digest:
            write_atomically(path, wasm)
        else:
            # Young files are not swept: nobody knows yet that this one is used again.
            path.touch()
        return path, digest


def build_spec(
    service: Service,
    limits: Limits,
    files: dict[Cid, tuple[Path, bytes]],
    storage: Path,
    effectors: Effectors,
    settings: Mapping[str, str],
) -> ServiceSpec:
    """Return what a worker must know of a service; each service has its own storage folder.

    All its modules find the app's `settings` in their environment.
    """
    return ServiceSpec(
        name=service.name,
        modules=tuple(
            _module_spec(module, *files[module.cid], settings) for module in service.modules
        ),
        total_memory_limit=service.total_memory_limit,
        instance=InstanceMode(service.instance),
        limits=CallLimits(
            call_ms=limits.call_ms,
            input_bytes=limits.input_bytes,
            output_bytes=limits.output_bytes,
            fuel=limits.fuel,
        ),
        storage_dir=None if service.deterministic else storage / service.name,
        abi=service.abi,
        effectors=effectors,
        is_deterministic=service.deterministic,
    )


def _module_spec(
    module: Module, path: Path, digest: bytes, settings: Mapping[str, str]
) -> ModuleSpec:
    return ModuleSpec(
        name=module.name,
        path=path,
        digest=digest,
        memory_limit=module.memory_limit,
        logger_enabled=module.logger_enabled,
        logging_mask=module.logging_mask,
        envs={**settings, **module.envs},
        mapped_dirs=dict(module.mapped_dirs),
        mounted_binaries=dict(module.mounted_binaries),
    )

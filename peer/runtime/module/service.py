"""Say what a service is made of and what its calls may use; say how a call went."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

from peer.runtime.effectors.signatures import MOUNTABLE, Grants
from peer.runtime.errors import EffectorRefused, ModuleError
from wasmarket.kernel.documents.app_parts import Effectors
from wasmarket.kernel.documents.receipts import CallStatus

STORAGE: Final = "/storage"
MARINE_ABI: Final = "marine"
RAW_ABI: Final = "raw"
COMPONENT_ABI: Final = "component"


class BodyKind(StrEnum):
    """How the body of a call, and of its answer, is written.

    `VALUES` is for callers inside the peer: a MessagePack list of the arguments, and the answer's
    value alone; bytes are bytes, and nothing checks the types.
    """

    JSON = "json"
    RAW = "raw"
    VALUES = "values"


class InstanceMode(StrEnum):
    """Whether each call gets a new instance or a worker keeps one."""

    FRESH = "fresh"
    WARM = "warm"


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What one call may use; times in milliseconds, sizes in bytes, fuel None = not metered."""

    call_ms: int = 5_000
    input_bytes: int = 1 << 20
    output_bytes: int = 1 << 20
    fuel: int | None = None


@dataclass(frozen=True, slots=True)
class ModuleSpec:
    """One module of a service, with the field names of the manifest; `digest` is its sha2-256."""

    name: str
    path: Path
    digest: bytes
    memory_limit: int | None = None
    logger_enabled: bool = True
    logging_mask: int = 0
    envs: dict[str, str] = field(default_factory=dict)
    mapped_dirs: dict[str, str] = field(default_factory=dict)
    mounted_binaries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service; the guest sees `storage_dir` as /storage, or no folder at all without one."""

    name: str
    modules: tuple[ModuleSpec, ...]
    total_memory_limit: int = 64 << 20
    instance: InstanceMode = InstanceMode.FRESH
    limits: CallLimits = field(default_factory=CallLimits)
    storage_dir: Path | None = None
    abi: str = MARINE_ABI
    effectors: Effectors = field(default_factory=Effectors)
    is_deterministic: bool = False
    is_interruptible: bool = True
    """Whether its code looks at each loop whether it has run too long. Code that does not is a
    tenth faster; its worker is killed instead, so such services have a pool of their own."""

    @property
    def facade(self) -> ModuleSpec:
        """Return the module whose functions are called: the last one."""
        return self.modules[-1]

    def get_grants(self, module: ModuleSpec) -> Grants:
        """Return which effectors one of its modules may import."""
        effectors = frozenset(self.effectors.names)
        return Grants(effectors, self.is_deterministic, module.mounted_binaries)

    def get_memory_limit(self, module: ModuleSpec) -> int:
        """Return how many bytes the memory of one of its modules may reach."""
        return min(module.memory_limit or self.total_memory_limit, self.total_memory_limit)


@dataclass(frozen=True, slots=True)
class GuestResult:
    """An answered call; `fuel` is 0 when not metered."""

    output: bytes
    fuel: int
    duration_us: int
    logs: tuple[str, ...]
    status: CallStatus = CallStatus.ANSWERED


def validate_spec(spec: ServiceSpec) -> None:
    """Raise `ModuleError` for what this runtime cannot host."""
    if spec.abi not in (MARINE_ABI, RAW_ABI, COMPONENT_ABI):
        raise ModuleError(f"service {spec.name}: the ABI {spec.abi!r} is not supported")
    if not spec.modules:
        raise ModuleError(f"service {spec.name} has no module")
    if spec.abi != MARINE_ABI and len(spec.modules) != 1:
        raise ModuleError(
            f"service {spec.name}: modules of the {spec.abi} ABI cannot be linked, "
            f"and it has {len(spec.modules)}",
            remedy="link them into one before deploying",
        )
    if spec.abi == COMPONENT_ABI and spec.facade.mounted_binaries:
        raise ModuleError(
            f"service {spec.name}: a component cannot mount binaries",
            remedy="import wasmarket:guest/http instead",
        )
    keeps = spec.storage_dir is not None or spec.instance is not InstanceMode.FRESH
    if spec.is_deterministic and (keeps or any(m.mounted_binaries for m in spec.modules)):
        raise ModuleError(
            f"service {spec.name} is deterministic, but keeps something or has effectors"
        )
    for module in spec.modules:
        _validate_module(spec, module)


def _validate_module(spec: ServiceSpec, module: ModuleSpec) -> None:
    for name, effector in module.mounted_binaries.items():
        if effector in spec.effectors.programs:
            continue
        if effector not in spec.effectors.names:
            raise EffectorRefused(
                f"service {spec.name} mounts {name}, but its app does not ask for the effector "
                f"{effector!r}",
                remedy=f"add {effector!r} to `effectors` in the manifest",
            )
        if effector not in MOUNTABLE:
            raise EffectorRefused(
                f"service {spec.name} mounts {name}: {effector!r} cannot be mounted as a binary",
                remedy=f"import wasmarket:{effector} instead",
            )
    if module.mapped_dirs and spec.storage_dir is None:
        raise ModuleError(f"service {spec.name} maps folders but has no storage")
    for alias, target in module.mapped_dirs.items():
        get_mapped_path(alias, target)
    for name, value in module.envs.items():
        if not name or "=" in name or "\0" in name + value:
            raise ModuleError(f"service {spec.name}: {name!r} is no environment variable")


def get_mapped_path(alias: str, target: str) -> PurePosixPath:
    """Return the folder inside the storage that `target` means, whatever it looks like.

    Older services name folders of the host, such as `/tmp` or `./sites`: these are folders of
    that name in the storage. Raise `ModuleError` for a path that leads upwards.
    """
    path = PurePosixPath(target)
    if not alias or "\0" in alias + target or ".." in path.parts:
        raise ModuleError(f"the mapped folder {alias!r} = {target!r} is not valid")
    return path.relative_to(STORAGE if path.is_relative_to(STORAGE) else path.anchor)

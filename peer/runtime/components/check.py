"""Check a component before it is compiled: what it exports to callers, what it imports of us."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from peer.runtime.abi.guest_types import (
    ArrayType,
    FlagsType,
    FunctionSignature,
    GuestType,
    Interface,
    RecordType,
    VariantType,
    describe_type,
    get_parts,
)
from peer.runtime.components.binary import ComponentOutline, read_component
from peer.runtime.components.type_reader import FunctionType, InstanceShape, get_plain_name
from peer.runtime.effectors.signatures import LOG, Grants
from peer.runtime.errors import EffectorRefused, ModuleError
from peer.runtime.module.check import ANYTHING
from peer.runtime.module.links import plan_service
from peer.runtime.module.module_file import read_modules
from peer.runtime.module.service import COMPONENT_ABI, ServiceSpec
from peer.runtime.wasm.sections import MemorySize

PACKAGE: Final = "wasmarket:guest"
"""The WIT package of what the host offers (docs/wit)."""
VERSION: Final = (1, 0)
CALL: Final = "call"
MAX_INTERFACE_PARTS: Final = 65_536
"""Parts of all types of all functions, written out in full."""
FREE: Final = frozenset({LOG, CALL})
"""Interfaces that need no permission and change no answer."""
WASI_PACKAGES: Final = frozenset(
    {"wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"}
)
TIMELESS: Final = {
    "wasi:clocks/wall-clock": frozenset({"now", "resolution"}),
    "wasi:clocks/monotonic-clock": frozenset({"now", "resolution"}),
    "wasi:random/random": frozenset({"get-random-bytes", "get-random-u64"}),
    "wasi:random/insecure": frozenset({"get-insecure-random-bytes", "get-insecure-random-u64"}),
    "wasi:random/insecure-seed": frozenset({"insecure-seed"}),
}
"""What the host does itself, the same each time, for a deterministic service."""
BUILD_TIME: Final = (("shim", "script", "entry_path", "disable_gc"),)
"""Parameters of functions with which build tools load the source; nobody may call them again."""
_HEADERS: Final = "[record{name: string, value: string}]"
_REQUEST: Final = (
    f"record{{method: string, url: string, headers: {_HEADERS}, body: bytes, timeout_ms: u32, "
    "redirects: u32}"
)
_RESPONSE: Final = f"record{{status: u32, url: string, headers: {_HEADERS}, body: bytes}}"
SIGNATURES: Final[Mapping[str, Mapping[str, str]]] = {
    CALL: {"parameters": "() -> [tuple<string, string>]"},
    "http": {"send": f"({_REQUEST}) -> result<{_RESPONSE}, string>"},
    "ipfs": {
        "get": "(string) -> result<bytes, string>",
        "put": "(bytes) -> result<string, string>",
    },
    "kv": {
        "get": "(string) -> result<option<bytes>, string>",
        "put": "(string, bytes) -> result<_, string>",
        "delete": "(string) -> result<_, string>",
        "swap": "(string, option<bytes>, bytes) -> result<bool, string>",
        "add": "(string, s64) -> result<s64, string>",
        "keys": "(string, string, u32) -> result<[string], string>",
    },
    "secret": {"get": "(string) -> result<bytes, string>"},
    LOG: {"write": "(enum{error, warn, info, debug, trace}, string)"},
}
"""What each interface of the package has, types written out."""


@dataclass(frozen=True, slots=True)
class ExportPath:
    """Where a function is exported: in an instance, or with None by the component itself."""

    instance: str | None
    function: str


@dataclass(frozen=True, slots=True)
class ComponentImport:
    """A function that the component imports: of which instance, by its own name and types."""

    instance: str
    interface: str
    name: str
    type: FunctionType


@dataclass(frozen=True, slots=True)
class ComponentPlan:
    """What callers see of a component, where that is, and what the host has to give it."""

    interface: Interface
    paths: Mapping[str, ExportPath]
    effects: tuple[ComponentImport, ...]
    """Of our package."""
    replayed: tuple[ComponentImport, ...]
    """Of WASI, what is the same each time for a deterministic service."""
    memories: tuple[MemorySize, ...]

    def share_memory(self, limit: int) -> int:
        """Return how many bytes each memory may reach so that all together stay below `limit`.

        Most components have one. A memory that says how large it may get is left so much.
        Raises `ModuleError` where there is too little.
        """
        bounded = [m.most for m in self.memories if m.most is not None and m.most < limit]
        others = len(self.memories) - len(bounded)
        share = (limit - sum(bounded)) // max(others, 1)
        if any(memory.starts > max(share, 0) for memory in self.memories):
            raise ModuleError(
                f"the component starts with {sum(m.starts for m in self.memories)} bytes of "
                f"memory, more than its limit of {limit}"
            )
        return share

    @property
    def effectors(self) -> set[str]:
        """Return the effectors of which something is imported."""
        return {wanted.interface for wanted in self.effects} - {CALL}


def learn_interface(spec: ServiceSpec) -> Interface:
    """Return the functions of a service whose modules lie on the disk.

    Raises `ModuleError`, `ContentNotFound`, `BadContent`.
    """
    return read_interface(spec, read_modules(spec))


def read_interface(spec: ServiceSpec, wasms: Sequence[bytes]) -> Interface:
    """Return the functions of a service, whatever its ABI; raise `ModuleError`."""
    if spec.abi == COMPONENT_ABI:
        plan = plan_component(wasms[0], spec.get_grants(spec.facade))
        plan.share_memory(spec.get_memory_limit(spec.facade))
        return plan.interface
    return plan_service(spec, wasms).interface


def plan_component(wasm: bytes, grants: Grants = ANYTHING) -> ComponentPlan:
    """Return what a component offers and needs; raise `ModuleError` when it cannot be hosted."""
    outline = read_component(wasm)
    functions, paths = _find_functions(outline)
    effects: list[ComponentImport] = []
    replayed: list[ComponentImport] = []
    for name, shape in outline.imports.items():
        package, interface, version = split_name(name)
        if isinstance(shape, FunctionType):
            raise EffectorRefused(
                f"the component imports the function {name}, which this peer does not provide"
            )
        if not isinstance(shape, InstanceShape) or not _has_functions(shape):
            # Types alone, which nobody has to give.
            continue
        if package == PACKAGE:
            effects += _check_effector(name, interface, version, shape, grants)
        elif package in WASI_PACKAGES:
            if grants.is_deterministic:
                replayed += _find_replayed(name, f"{package}/{interface}", shape)
        else:
            raise EffectorRefused(
                f"the component imports {name}, which this peer does not provide",
                remedy=f"import {PACKAGE}/http instead" if package == "wasi:http" else None,
            )
    interface_of_all = Interface("component", functions)
    return ComponentPlan(interface_of_all, paths, tuple(effects), tuple(replayed), outline.memories)


def split_name(name: str) -> tuple[str, str, str]:
    """Return package, interface and version of `package/interface@version`."""
    path, _, version = name.partition("@")
    package, _, interface = path.rpartition("/")
    return package, interface, version


def _find_functions(
    outline: ComponentOutline,
) -> tuple[dict[str, FunctionSignature], dict[str, ExportPath]]:
    functions: dict[str, FunctionSignature] = {}
    paths: dict[str, ExportPath] = {}
    parts = 0

    def add(name: str, path: ExportPath, kind: FunctionType) -> None:
        nonlocal parts
        if kind.problem:
            raise ModuleError(f"the function {name} takes or gives {kind.problem}")
        if name in functions:
            raise ModuleError(f"two functions are called {name}")
        outputs = () if kind.result is None else (kind.result,)
        functions[name] = FunctionSignature(name, kind.parameters, outputs)
        paths[name] = path
        parts += 1 + kind.parts
        if parts > MAX_INTERFACE_PARTS:
            raise ModuleError(f"the functions are of more than {MAX_INTERFACE_PARTS} parts")

    for exported, entity in outline.exports.items():
        if isinstance(entity, FunctionType) and not _is_build_time(entity):
            add(get_plain_name(exported), ExportPath(None, exported), entity)
        elif isinstance(entity, InstanceShape) and not exported.startswith("wasi:"):
            interface = get_plain_name(split_name(exported)[1] or exported)
            for name, kind in entity.exports.items():
                if isinstance(kind, FunctionType) and not _is_python_build_time(exported, name):
                    full = f"{interface}.{get_plain_name(name)}"
                    add(full, ExportPath(exported, name), kind)
    if not functions:
        raise ModuleError("the component exports no function")
    return functions, paths


def _has_functions(shape: InstanceShape) -> bool:
    return any(isinstance(entity, FunctionType) for entity in shape.exports.values())


def _is_build_time(kind: FunctionType) -> bool:
    return tuple(part.name for part in kind.parameters) in BUILD_TIME


def _is_python_build_time(instance: str, name: str) -> bool:
    return instance == "exports" and name == "init"


def _check_effector(
    name: str, interface: str, version: str, shape: InstanceShape, grants: Grants
) -> list[ComponentImport]:
    known = SIGNATURES.get(interface)
    if known is None or not _is_known(version):
        raise EffectorRefused(
            f"the component imports {name}, which this peer does not provide",
            remedy=f"it knows {PACKAGE} up to {'.'.join(map(str, VERSION))}",
        )
    wanted = []
    for function, kind in shape.exports.items():
        if not isinstance(kind, FunctionType):
            continue
        if function not in known or known[function] != write_function(kind):
            raise ModuleError(
                f"the component imports {name}.{function} with other types than it has",
                remedy="build it with docs/wit",
            )
        wanted.append(ComponentImport(name, interface, function, kind))
    if not wanted or interface in FREE:
        return wanted
    if grants.is_deterministic:
        raise EffectorRefused(
            f"the component imports {name}, but its service is deterministic",
            remedy="do without the effector, or do not say `deterministic`",
        )
    if grants.effectors is not None and interface not in grants.effectors:
        raise EffectorRefused(
            f"the component imports {name}, but its app does not ask for the effector {interface}",
            remedy=f"add {interface!r} to `effectors` in the manifest",
        )
    return wanted


def _is_known(version: str) -> bool:
    parts = version.split(".")
    if not all(part.isdigit() and len(part) < 6 for part in parts) or len(parts) != 3:
        return False
    return int(parts[0]) == VERSION[0] and int(parts[1]) <= VERSION[1]


def _find_replayed(name: str, path: str, shape: InstanceShape) -> list[ComponentImport]:
    replayed = TIMELESS.get(path)
    if replayed is None:
        return []
    wanted = []
    for function, kind in shape.exports.items():
        if not isinstance(kind, FunctionType):
            continue
        if function not in replayed:
            raise EffectorRefused(
                f"the component imports {name}.{function}, but its service is deterministic",
                remedy="build it without WASI: wasmarket build does it for such services",
            )
        wanted.append(ComponentImport(name, path, function, kind))
    return wanted


def write_function(kind: FunctionType) -> str:
    """Write a function's types in full: names of fields count, names of types do not."""
    if kind.problem:
        return kind.problem
    inputs = ", ".join(_write_type(part.type) for part in kind.parameters)
    return f"({inputs})" + ("" if kind.result is None else f" -> {_write_type(kind.result)}")


def _write_type(kind: GuestType | None) -> str:
    if kind is None:
        return "_"
    if isinstance(kind, RecordType):
        fields = ", ".join(f"{part.name}: {_write_type(part.type)}" for part in kind.fields)
        return f"record{{{fields}}}"
    if isinstance(kind, VariantType):
        cases = (c.name + (f"({_write_type(c.type)})" if c.type else "") for c in kind.cases)
        return f"{'enum' if kind.is_enumeration else 'variant'}{{{', '.join(cases)}}}"
    if isinstance(kind, FlagsType):
        return f"flags{{{', '.join(kind.flags)}}}"
    parts = [_write_type(part) for part in get_parts(kind)]
    if isinstance(kind, ArrayType):
        return f"[{parts[0]}]"
    return (
        f"{describe_type(kind).partition('<')[0]}<{', '.join(parts)}>"
        if parts
        else (describe_type(kind))
    )

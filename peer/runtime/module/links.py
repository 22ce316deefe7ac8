"""Plan a service: read its modules, check how they use one another, and order their start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from peer.runtime.abi.guest_types import (
    SCALARS,
    FunctionSignature,
    Interface,
    flatten_type,
    is_same_in_memory,
)
from peer.runtime.effectors.signatures import (
    EFFECTORS,
    HTTP,
    MOUNTABLE,
    MOUNTED,
    PREFIX,
    PROGRAMS,
)
from peer.runtime.errors import ModuleError
from peer.runtime.module.check import JSON_TYPE, ModuleInfo, inspect_module
from peer.runtime.module.host_api import HOST_NAMESPACES, HOST_TYPES, WASI
from peer.runtime.module.host_records import find_binary_result
from peer.runtime.module.raw_abi import inspect_raw_module
from peer.runtime.module.service import RAW_ABI, ModuleSpec, ServiceSpec
from peer.runtime.wasm.sections import CoreFunction, CoreImport

# Each module on a chain of calls has a native stack of its own inside the worker's one.
MAX_CHAIN: Final = 8


@dataclass(frozen=True, slots=True)
class ModuleLink:
    """A function that `caller` imports from `callee`; the signature is the callee's."""

    caller: str
    callee: str
    signature: FunctionSignature


@dataclass(frozen=True, slots=True)
class EffectLink:
    """A function of the host that `caller` imports; with `is_json` it gives and takes JSON."""

    caller: str
    namespace: str
    name: str
    effector: str
    signature: FunctionSignature
    is_json: bool

    @property
    def is_mounted(self) -> bool:
        """Tell whether this is a mounted binary, which lies in the host's own namespace."""
        return self.namespace in HOST_NAMESPACES


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A service's modules by name, in the order of their start, and the links of each."""

    infos: Mapping[str, ModuleInfo]
    links: Mapping[str, tuple[ModuleLink, ...]]
    effects: Mapping[str, tuple[EffectLink, ...]]
    facade: str

    @property
    def interface(self) -> Interface:
        """Return the functions that callers of the service see."""
        return self.infos[self.facade].interface


def plan_service(spec: ServiceSpec, wasms: Sequence[bytes]) -> ServicePlan:
    """Return the plan; raise `ModuleError` that names the module which does not fit."""
    names = [module.name for module in spec.modules]
    _check_names(spec.name, names)
    is_single = len(names) == 1
    infos = {}
    for module, wasm in zip(spec.modules, wasms, strict=True):
        name, grants = module.name, spec.get_grants(module)
        try:
            infos[name] = (
                inspect_raw_module(wasm, grants)
                if spec.abi == RAW_ABI
                else inspect_module(wasm, names, grants)
            )
        except ModuleError as error:
            if is_single:
                raise
            raise type(error)(f"module {name}: {error.detail}", remedy=error.remedy) from error
    links = {name: _find_links(name, infos) for name in names}
    effects = {module.name: _find_effects(module, infos[module.name]) for module in spec.modules}
    order = _order_start(names, links)
    _check_chain(order, links)
    _check_memory(spec, infos)
    ordered = {name: infos[name] for name in order}
    return ServicePlan(ordered, links, effects, spec.facade.name)


def _check_names(service: str, names: Sequence[str]) -> None:
    for name in names:
        if name in HOST_NAMESPACES or name == WASI:
            raise ModuleError(f"service {service}: a module may not be called {name}")
        if names.count(name) > 1:
            raise ModuleError(f"service {service} has two modules called {name}")


def _find_links(caller: str, infos: Mapping[str, ModuleInfo]) -> tuple[ModuleLink, ...]:
    links = []
    for wanted in infos[caller].outline.imports:
        if wanted.module not in infos:
            continue
        name = f"{wanted.module}.{wanted.name}"
        signature = infos[wanted.module].interface.functions.get(wanted.name)
        if signature is None:
            raise ModuleError(f"module {caller} imports {name}, which does not exist")
        declared = infos[caller].interface.imports.get((wanted.module, wanted.name))
        if declared is None:
            raise ModuleError(f"module {caller} imports {name} without declaring its types")
        core = get_core_type(signature)
        if wanted.function != core or not _is_alike(declared, signature):
            raise ModuleError(f"module {caller} imports {name} with other types than it has")
        links.append(ModuleLink(caller, wanted.module, signature))
    return tuple(links)


def _find_effects(module: ModuleSpec, info: ModuleInfo) -> tuple[EffectLink, ...]:
    caller, effects = module.name, []
    for wanted in info.outline.imports:
        found = _find_effect(wanted, module.mounted_binaries)
        if found is None:
            continue
        effector, signature = found
        name = f"{wanted.module}.{wanted.name}"
        declared = info.interface.imports.get((wanted.module, wanted.name))
        if declared is None and wanted.module in HOST_NAMESPACES:
            declared = signature = replace(signature, outputs=(find_binary_result(info.interface),))
        if declared is None and wanted.function != JSON_TYPE:
            raise ModuleError(
                f"module {caller} imports {name} without declaring its types",
                remedy="declare them, or import it as (i32, i32) -> i64 and speak JSON",
            )
        if declared is not None and (
            wanted.function != get_core_type(signature) or not _is_alike(declared, signature)
        ):
            raise ModuleError(f"module {caller} imports {name} with other types than it has")
        effects.append(
            EffectLink(
                caller, wanted.module, wanted.name, effector, signature, is_json=declared is None
            )
        )
    return tuple(effects)


def find_effectors(info: ModuleInfo) -> set[str]:
    """Return the effectors that a module imports something of."""
    return {found[0] for wanted in info.outline.imports if (found := _find_effect(wanted, {}))}


def _find_effect(
    wanted: CoreImport, mounted: Mapping[str, str]
) -> tuple[str, FunctionSignature] | None:
    """Return the effector and the function behind an import, None if it is another import."""
    if wanted.module.startswith(PREFIX):
        effector = wanted.module.removeprefix(PREFIX)
        return effector, EFFECTORS[effector][wanted.name]
    if wanted.module in HOST_NAMESPACES and wanted.name not in HOST_TYPES:
        target = mounted.get(wanted.name, HTTP)
        if target in MOUNTABLE:
            return target, MOUNTED
        return PROGRAMS, replace(MOUNTED, name=target)
    return None


def get_core_type(signature: FunctionSignature) -> CoreFunction:
    """Return the core type that a Marine function of this signature has."""
    params = tuple(core for part in signature.parameters for core in flatten_type(part.type))
    output = signature.outputs[0] if signature.outputs else None
    return CoreFunction(params, flatten_type(output) if output in SCALARS and output else ())


def _is_alike(one: FunctionSignature, other: FunctionSignature) -> bool:
    if len(one.parameters) != len(other.parameters) or len(one.outputs) != len(other.outputs):
        return False
    parameters = zip(one.parameters, other.parameters, strict=True)
    outputs = zip(one.outputs, other.outputs, strict=True)
    return all(is_same_in_memory(a.type, b.type) for a, b in parameters) and all(
        is_same_in_memory(a, b) for a, b in outputs
    )


def _order_start(names: Sequence[str], links: Mapping[str, tuple[ModuleLink, ...]]) -> list[str]:
    """Put every module after those that it imports, else as listed; refuse circles."""
    order: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise ModuleError(f"the modules import one another in a circle: {circle}")
        if name in order:
            return
        for link in links[name]:
            visit(link.callee, (*path, name))
        order.append(name)

    for name in names:
        visit(name, ())
    return order


def _check_chain(order: Sequence[str], links: Mapping[str, tuple[ModuleLink, ...]]) -> None:
    length: dict[str, int] = {}
    for name in order:
        length[name] = 1 + max((length[link.callee] for link in links[name]), default=0)
        if length[name] > MAX_CHAIN:
            raise ModuleError(f"module {name} leads through more than {MAX_CHAIN} modules")


def _check_memory(spec: ServiceSpec, infos: Mapping[str, ModuleInfo]) -> None:
    for module in spec.modules:
        starts, limit = infos[module.name].outline.memory_bytes, spec.get_memory_limit(module)
        if starts > limit:
            raise ModuleError(
                f"service {spec.name}: module {module.name} starts with {starts} bytes of memory, "
                f"more than its limit of {limit}"
            )
    total = sum(info.outline.memory_bytes for info in infos.values())
    if total > spec.total_memory_limit:
        raise ModuleError(
            f"service {spec.name}: its modules start with {total} bytes of memory, "
            f"more than its limit of {spec.total_memory_limit}"
        )

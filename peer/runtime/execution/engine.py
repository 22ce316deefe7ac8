"""Configure the one wasmtime engine of a worker, and compile modules through its cache."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmtime import Config, Engine, Module, WasmtimeError
from wasmtime import _bindings as ffi
from wasmtime.component import Component

from peer.runtime.errors import ModuleError
from peer.runtime.module.code_files import CODE, MARK, MAX_STACK_BYTES, EngineSettings, name_code

MAX_TABLE_ELEMENTS: Final = 1 << 17
MAX_TABLES: Final = 4
MAX_INSTANCE_BYTES: Final = 16 << 20
WASM_PAGE: Final = 65536
# What a slot keeps when its instance goes, wiped by writing zeros: cheaper than giving pages back
# to the system and faulting them in again, up to about this size.
KEPT_MEMORY_BYTES: Final = 256 << 10
KEPT_TABLE_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class InstancePool:
    """Room that an engine reserves for instances, so that making one costs no system call.

    `memory_bytes` is the most that one memory may reach. Reserved is address space, not memory.
    """

    instances: int = 64
    memory_bytes: int = 64 << 20


def build_engine(settings: EngineSettings, pool: InstancePool | None = None) -> Engine:
    """Return an engine whose calls end at an epoch deadline, unless the settings say otherwise, and
    at their fuel if metered."""
    config = Config()
    # NOTE: components have as many instances and tables as they were linked of, which no pool
    # knows ahead; their memory comes from the system.
    if not settings.has_components:
        _set_pool(config, pool or InstancePool())
    config.epoch_interruption = settings.is_interruptible
    config.consume_fuel = settings.consume_fuel
    config.cranelift_nan_canonicalization = settings.canonical_nans
    config.max_wasm_stack = MAX_STACK_BYTES
    config.wasm_threads = False
    config.wasm_memory64 = False
    # Adapters between the parts of a component move values from one memory to another.
    config.wasm_multi_memory = settings.has_components
    config.wasm_component_model = settings.has_components
    config.wasm_gc = False
    config.wasm_relaxed_simd_deterministic = True
    return Engine(config)


def _set_pool(config: Config, pool: InstancePool) -> None:
    """Make instances out of reserved slots; wasmtime's own `Config` does not offer this yet."""
    wanted = ffi.wasmtime_pooling_allocation_config_new()
    try:
        # Rounded up to a whole page of Wasm.
        memory_bytes = -(-pool.memory_bytes // WASM_PAGE) * WASM_PAGE
        for name, value in (
            ("total_core_instances", pool.instances),
            ("total_memories", pool.instances),
            ("total_tables", pool.instances * MAX_TABLES),
            ("max_memories_per_module", 1),
            ("max_tables_per_module", MAX_TABLES),
            ("max_core_instance_size", MAX_INSTANCE_BYTES),
            ("max_memory_size", memory_bytes),
            ("table_elements", MAX_TABLE_ELEMENTS),
            ("max_unused_warm_slots", pool.instances),
            ("linear_memory_keep_resident", KEPT_MEMORY_BYTES),
            ("table_keep_resident", KEPT_TABLE_BYTES),
            # Stacks are for asynchronous calls, which there are none of; to reserve the thousand
            # that are made if nothing is said takes longer than all the rest.
            ("total_stacks", 1),
            ("total_gc_heaps", 1),
        ):
            getattr(ffi, f"wasmtime_pooling_allocation_config_{name}_set")(wanted, value)
        ffi.wasmtime_pooling_allocation_strategy_set(config.ptr(), wanted)
    finally:
        ffi.wasmtime_pooling_allocation_config_delete(wanted)


class AotCache:
    """Keep machine code in files named by module hash and engine configuration.

    The code is mapped, not read, so a file is never overwritten in place; its own hash stands
    beside it, since wasmtime trusts what it maps.
    """

    def __init__(self, folder: Path, engine: Engine, settings: EngineSettings) -> None:
        self._folder = folder
        self._engine = engine
        self._fingerprint = settings.fingerprint()
        folder.mkdir(parents=True, exist_ok=True)

    def load_module(self, wasm: bytes) -> Module:
        """Return the compiled module, from the cache if it is there and whole."""
        module: Module = self._load(Module, wasm)
        return module

    def load_component(self, wasm: bytes) -> Component:
        """Return the compiled component, as `load_module` does."""
        component: Component = self._load(Component, wasm)
        return component

    def _load(self, kind: Any, wasm: bytes) -> Any:
        name = name_code(hashlib.sha256(wasm).digest(), self._fingerprint)
        code, mark = self._folder / f"{name}{CODE}", self._folder / f"{name}{MARK}"
        if self._is_whole(code, mark):
            try:
                return kind.deserialize_file(self._engine, str(code))
            except WasmtimeError:
                pass  # made by another build of wasmtime: compile again below
        try:
            module = kind(self._engine, wasm)
        except WasmtimeError as error:
            raise ModuleError(f"the module does not compile: {error}") from error
        serialized = bytes(module.serialize())
        self._write(code, serialized)
        self._write(mark, hashlib.sha256(serialized).hexdigest().encode())
        return module

    def _is_whole(self, code: Path, mark: Path) -> bool:
        try:
            with code.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return mark.read_bytes() == digest.encode()
        except FileNotFoundError:
            return False

    def _write(self, path: Path, content: bytes) -> None:
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        except OSError:
            # NOTE: a full disk costs the next start a compilation, not this one its service.
            temporary.unlink(missing_ok=True)

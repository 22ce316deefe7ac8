"""Configure the one wasmtime engine of a worker, and compile modules through its cache."""

import hashlib
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from wasmtime import Config, Engine, Module, WasmtimeError

from peer.runtime.errors import ModuleError

MAX_STACK_BYTES: Final = 512 << 10


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What compiled code depends on."""

    consume_fuel: bool = False

    def fingerprint(self) -> str:
        """Name this configuration on this machine; compiled code is only good for the same."""
        parts = (version("wasmtime"), platform.machine(), str(MAX_STACK_BYTES), repr(self))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def build_engine(settings: EngineSettings) -> Engine:
    """Return an engine whose calls end at an epoch deadline, and at their fuel if metered."""
    config = Config()
    config.epoch_interruption = True
    config.consume_fuel = settings.consume_fuel
    config.max_wasm_stack = MAX_STACK_BYTES
    config.wasm_threads = False
    config.wasm_memory64 = False
    config.wasm_multi_memory = False
    config.wasm_component_model = False
    config.wasm_gc = False
    config.wasm_relaxed_simd_deterministic = True
    return Engine(config)


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
        name = f"{hashlib.sha256(wasm).hexdigest()}-{self._fingerprint}"
        code, mark = self._folder / f"{name}.cwasm", self._folder / f"{name}.sha256"
        if self._is_whole(code, mark):
            try:
                return Module.deserialize_file(self._engine, str(code))
            except WasmtimeError:
                pass  # made by another build of wasmtime: compile again below
        try:
            module = Module(self._engine, wasm)
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

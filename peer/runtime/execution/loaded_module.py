"""A compiled module with all that its instances share: links, folders, environment, limits."""

from collections.abc import Callable
from pathlib import Path

from wasmtime import Engine, Linker, Module, WasmtimeError

from peer.runtime.errors import ModuleError
from peer.runtime.execution.engine import MAX_TABLE_ELEMENTS
from peer.runtime.execution.guest import ExportTable, Guest
from peer.runtime.execution.host_functions import CallState, define_host_functions
from peer.runtime.execution.wasi import WasiTemplate
from peer.runtime.execution.wasmtime_cffi import Store, get_pointer
from peer.runtime.module.check import ModuleInfo
from peer.runtime.module.host_api import WASI
from peer.runtime.module.service import STORAGE, ModuleSpec, ServiceSpec, get_mapped_path


class LoadedModule:
    """One module of a service, ready to be instantiated."""

    def __init__(
        self,
        spec: ServiceSpec,
        module: ModuleSpec,
        info: ModuleInfo,
        code: Module,
        engine: Engine,
        state: CallState,
        define_imports: Callable[[Linker], None],
        *,
        prints_here: bool,
    ) -> None:
        """Link; raise `ModuleError` when that is not possible.

        With `prints_here` the module prints where this process does, else to `state`.
        """
        self.memory_limit = spec.get_memory_limit(module)
        self._engine = engine, get_pointer(engine)
        self._table = ExportTable(info, code)
        self._wasi: WasiTemplate | None = None
        folders = prepare_folders(spec, module)
        linker = Linker(engine)
        if any(wanted.module == WASI for wanted in info.outline.imports):
            linker.define_wasi()
            self._wasi = WasiTemplate(
                build_envs(module), folders, None if prints_here else state.add_output
            )
        define_host_functions(linker, info, module, state)
        define_imports(linker)
        try:
            self._pre = linker.instantiate_pre(code)
        except WasmtimeError as error:
            raise ModuleError(f"module {module.name} does not link: {error}") from error
        self.pre = get_pointer(self._pre)

    def open_guest(self) -> Guest:
        """Return a guest with a store of its own; it is not started yet."""
        guest = Guest(self._table, Store(self._engine[1]))
        self.limit_memory(guest, self.memory_limit)
        if self._wasi is not None:
            self._wasi.apply(guest.store)
        return guest

    def limit_memory(self, guest: Guest, memory_bytes: int) -> None:
        """Set how far the guest's memory may grow from now on."""
        guest.store.set_limits(
            memory_size=memory_bytes,
            table_elements=MAX_TABLE_ELEMENTS,
            instances=1,
            memories=1,
        )


def build_envs(module: ModuleSpec) -> dict[str, str]:
    """Return the guest's environment: each mapped folder's name, as Marine has it, and `envs`."""
    return {alias: alias for alias in module.mapped_dirs if "=" not in alias} | module.envs


def prepare_folders(spec: ServiceSpec, module: ModuleSpec) -> tuple[tuple[str, str], ...]:
    """Create the folders a module may open; return (folder of the host, name for the guest).

    The facade has the service's whole folder, and so has a linked module that maps none; a linked
    module that maps folders has only those.
    """
    if spec.storage_dir is None:
        return ()
    folders: list[tuple[Path, str]] = []
    if module is spec.facade or not module.mapped_dirs:
        folders.append((spec.storage_dir, STORAGE))
    for alias, target in module.mapped_dirs.items():
        folders.append((spec.storage_dir / get_mapped_path(alias, target), alias))
    for folder, _ in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return tuple((str(folder), alias) for folder, alias in folders)

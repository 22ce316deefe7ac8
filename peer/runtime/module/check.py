"""Check a module before it is activated, without compiling it: is it Marine, may it run here."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from peer.runtime.abi.guest_types import SCALARS, FunctionSignature, Interface, flatten_type
from peer.runtime.abi.interface_types import SECTION, parse_interface, parse_version
from peer.runtime.effectors.signatures import EFFECTORS, LOG, PREFIX, Grants
from peer.runtime.errors import EffectorRefused, ModuleError
from peer.runtime.module.host_api import (
    CALL_PARAMETERS_FUNCTION,
    HOST_NAMESPACES,
    HOST_TYPES,
    WASI,
    WASI_FUNCTIONS,
)
from peer.runtime.module.host_records import find_call_parameters
from peer.runtime.wasm.binary import ByteReader
from peer.runtime.wasm.sections import (
    CoreFunction,
    CoreImport,
    CoreType,
    ExternKind,
    Outline,
    read_outline,
)

SDK_SECTION: Final = "__fluence_sdk_version"
MANIFEST_SECTION: Final = "__fluence_wasm_module_manifest"
OLDEST_SDK: Final = (0, 6, 0)
MANIFEST_FIELDS: Final = ("authors", "version", "description", "repository", "build_time")
_I32: Final = CoreType.I32
ANYTHING: Final = Grants()
JSON_TYPE: Final = CoreFunction((_I32, _I32), (CoreType.I64,))
"""How modules without typed imports call an effector: JSON in, JSON out."""
MOUNTED_TYPE: Final = CoreFunction((_I32, _I32), ())
ALLOCATE_TYPES: Final = (CoreFunction((_I32, _I32), (_I32,)), CoreFunction((_I32,), (_I32,)))
API_TYPES: Final = {
    "release_objects": CoreFunction((), ()),
    "get_result_ptr": CoreFunction((), (_I32,)),
    "get_result_size": CoreFunction((), (_I32,)),
}
SETTERS: Final = ("set_result_ptr", "set_result_size")
SETTER_TYPE: Final = CoreFunction((_I32,), ())


@dataclass(frozen=True, slots=True)
class ModuleManifest:
    """What the author says about the module; all text, empty when not given."""

    authors: str
    version: str
    description: str
    repository: str
    build_time: str


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """All that is known of a module from its bytes."""

    interface: Interface
    outline: Outline
    sdk_version: str | None
    manifest: ModuleManifest | None
    api: tuple[str, ...]
    """The functions that only the host calls."""

    @property
    def allocate_has_tag(self) -> bool:
        """Tell whether `allocate` takes a type tag; old SDKs gave the size alone."""
        allocate = self.outline.functions.get("allocate")
        return allocate is not None and len(allocate.params) == 2


def check_module(wasm: bytes) -> Interface:
    """Return the module's typed functions; raise `ModuleError` when it cannot be hosted."""
    return inspect_module(wasm).interface


def inspect_module(
    wasm: bytes, linked: Collection[str] = (), grants: Grants = ANYTHING
) -> ModuleInfo:
    """Read and check a module; `linked` are the modules of its service, which it may import."""
    outline = read_outline(wasm)
    if SECTION not in outline.custom:
        raise ModuleError(
            "not a Marine module: it has no interface-types section",
            remedy="build it with the guest crate, or embed its signatures",
        )
    sdk = _read_sdk_version(outline)
    interface = parse_interface(outline.custom[SECTION])
    _check_api(outline)
    for signature in interface.functions.values():
        _check_export(outline, signature)
    check_imports(outline, linked, grants)
    for wanted in outline.imports:
        if wanted.module in HOST_NAMESPACES and wanted.name == CALL_PARAMETERS_FUNCTION:
            find_call_parameters(interface, wanted.module)
    manifest = outline.custom.get(MANIFEST_SECTION)
    return ModuleInfo(
        interface,
        outline,
        sdk,
        None if manifest is None else parse_manifest(manifest),
        _list_api(outline),
    )


def check_imports(
    outline: Outline, linked: Collection[str] = (), grants: Grants = ANYTHING
) -> None:
    """Raise `ModuleError` for the first import that is none of WASI's, the host's, `linked`.

    Effectors must be among `grants`.
    """
    for wanted in outline.imports:
        _check_import(wanted, linked, grants)


def _list_api(outline: Outline) -> tuple[str, ...]:
    setters = [name for name in SETTERS if outline.functions.get(name) == SETTER_TYPE]
    return ("allocate", *API_TYPES, *setters)


def parse_manifest(content: bytes) -> ModuleManifest:
    """Read the manifest section: five texts, each behind its length in 8 bytes."""
    reader = ByteReader(content, "the module manifest section")
    texts = [
        reader.read_text(int.from_bytes(reader.read_bytes(8), "little")) for _ in MANIFEST_FIELDS
    ]
    return ModuleManifest(*texts)


def encode_manifest(manifest: ModuleManifest) -> bytes:
    """Write the manifest section."""
    texts = [getattr(manifest, name).encode() for name in MANIFEST_FIELDS]
    return b"".join(len(text).to_bytes(8, "little") + text for text in texts)


def _read_sdk_version(outline: Outline) -> str | None:
    content = outline.custom.get(SDK_SECTION)
    if content is None:
        return None
    text = ByteReader(content, "the SDK version section").read_text(len(content))
    if parse_version(text, "SDK version") < OLDEST_SDK:
        raise ModuleError(f"SDK version {text} is older than {'.'.join(map(str, OLDEST_SDK))}")
    return text


def _check_api(outline: Outline) -> None:
    if "memory" not in outline.memories:
        raise ModuleError("not a Marine module: it exports no memory")
    allocate = outline.functions.get("allocate")
    if allocate is None:
        raise ModuleError("not a Marine module: it does not export allocate")
    if allocate not in ALLOCATE_TYPES:
        raise ModuleError("not a Marine module: allocate has another type than Marine's")
    for name, expected in API_TYPES.items():
        if outline.functions.get(name) != expected:
            raise ModuleError(f"not a Marine module: {name} is missing or of another type")


def _check_export(outline: Outline, signature: FunctionSignature) -> None:
    params = tuple(core for part in signature.parameters for core in flatten_type(part.type))
    results: tuple[int, ...] = ()
    if signature.outputs:
        flat = flatten_type(signature.outputs[0])
        results = flat if signature.outputs[0] in SCALARS else ()
    actual = outline.functions.get(signature.name)
    if actual is None:
        raise ModuleError(f"function {signature.name} is declared but not exported")
    if actual != CoreFunction(params, results):
        raise ModuleError(f"function {signature.name} is exported with another type than declared")


def _check_import(wanted: CoreImport, linked: Collection[str], grants: Grants) -> None:
    name = f"{wanted.module}.{wanted.name}"
    if wanted.kind != ExternKind.FUNCTION:
        raise ModuleError(f"the module imports {name}, which is not a function")
    if wanted.module == WASI:
        if wanted.name not in WASI_FUNCTIONS:
            raise ModuleError(f"the module imports the unknown WASI function {name}")
        return
    if wanted.module.startswith(PREFIX):
        _check_effector(wanted.module.removeprefix(PREFIX), wanted.name, grants)
        return
    if wanted.module in HOST_NAMESPACES:
        if wanted.name not in HOST_TYPES:
            _check_mounted(wanted, grants)
            return
        if wanted.function != HOST_TYPES[wanted.name]:
            raise ModuleError(f"the module imports {name} with another type than the host's")
        return
    if wanted.module not in linked:
        raise EffectorRefused(f"the module imports {name}, which this peer does not provide")


def _check_effector(effector: str, function: str, grants: Grants) -> None:
    name = f"{PREFIX}{effector}.{function}"
    if function not in EFFECTORS.get(effector, ()):
        raise EffectorRefused(f"the module imports {name}, which no effector provides")
    if effector != LOG and grants.is_deterministic:
        raise EffectorRefused(
            f"the module imports {name}, but its service is deterministic",
            remedy="do without the effector, or do not say `deterministic`",
        )
    if effector != LOG and grants.effectors is not None and effector not in grants.effectors:
        raise EffectorRefused(
            f"the module imports {name}, but its app does not ask for the effector {effector}",
            remedy=f"add {effector!r} to `effectors` in the manifest",
        )


def _check_mounted(wanted: CoreImport, grants: Grants) -> None:
    is_mounted = grants.mounted is None or wanted.name in grants.mounted
    if not is_mounted or wanted.function != MOUNTED_TYPE:
        raise EffectorRefused(
            f"the module imports the unknown host function {wanted.module}.{wanted.name}",
            remedy="a mounted binary takes [string] and must stand in `mounted_binaries`",
        )

"""Build an app from `app.toml`: import its modules, write its manifest.

The file reads like the manifest (DESIGN 8.4), but `[[service]]`, `[[service.module]]`,
`[[trigger]]` and `[[flow]]` are tables of their own and a module names the `path` of its Wasm,
relative to the file, instead of a CID (and may say under `build` how that is made, which only build
scripts read).
A flow names the `path` of an Aqua file and the `function` of it, which is compiled here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from wasmarket.app.app_toml import REMEDY, locate, read_app_toml
from wasmarket.app.aqua.compiler import CompiledAqua, compile_aqua, find_compiler
from wasmarket.content.importer import import_bytes
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE
from wasmarket.kernel.documents.content_ids import Cid, app_hash, raw_cid
from wasmarket.kernel.documents.flows import dump_interface
from wasmarket.kernel.documents.manifest import Manifest, dump_manifest, read_manifest
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.units import Hash

FILE_NAME = "app.toml"
_STORAGE = PurePosixPath("/storage")


@dataclass(frozen=True, slots=True)
class App:
    """An app that is ready to be published: its manifest and all blocks by CID."""

    manifest: Manifest
    cid: Cid
    blocks: Mapping[Cid, bytes]

    @property
    def app(self) -> Hash:
        """What the chain calls the app."""
        return app_hash(self.cid)

    def get(self, cid: Cid) -> bytes:
        """Return one of the app's blocks."""
        return self.blocks[cid]

    @property
    def size(self) -> int:
        """Bytes of all blocks."""
        return sum(len(block) for block in self.blocks.values())


def load_app(path: Path) -> App:
    """Build the app that `path` (an `app.toml` or its folder) describes. Raises InvalidInput."""
    file = path / FILE_NAME if path.is_dir() else path
    document = read_app_toml(file)
    blocks: dict[Cid, bytes] = {}
    try:
        manifest = read_manifest(_manifest_document(document, file, blocks))
    except InvalidInput as error:
        raise locate(error, file) from error
    return finish_app(name_schedule(manifest), blocks)


def name_schedule(manifest: Manifest) -> Manifest:
    """Say how fuel is counted, where it is and the file does not say."""
    limits = manifest.limits
    if limits.fuel is None or limits.fuel_schedule is not None:
        return manifest
    return replace(manifest, limits=replace(limits, fuel_schedule=FUEL_SCHEDULE))


def finish_app(manifest: Manifest, blocks: Mapping[Cid, bytes]) -> App:
    """Return the app of a manifest and the blocks of its modules."""
    block = dump_manifest(manifest)
    cid = raw_cid(block)
    return App(manifest, cid, {**blocks, cid: block})


def _manifest_document(
    document: Mapping[str, Any], file: Path, blocks: dict[Cid, bytes]
) -> dict[str, Any]:
    """Turn the tables of an `app.toml` into a manifest's document; fill `blocks`."""
    # A wish is of an offer, and no part of the app.
    tables = ("service", "trigger", "flow", "wish")
    rest = {key: value for key, value in document.items() if key not in tables}
    triggers = document.get("trigger", [])
    services = _tables(document, "service", "there is no [[service]]")
    return {
        "wasmarket": 1,
        **rest,
        "services": [
            _service_document(entry, f"service[{number}]", file, blocks)
            for number, entry in enumerate(services)
        ],
        "triggers": triggers,
        **_flow_documents(document, file),
    }


def _flow_documents(document: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Compile the flows, each file once; nothing where there are none."""
    if "flow" not in document:
        return {}
    compiled: dict[Path, CompiledAqua] = {}
    flows = []
    for number, entry in enumerate(_tables(document, "flow", "there is no [[flow]]")):
        rest = {key: value for key, value in entry.items() if key not in ("path", "function")}
        path, function = entry.get("path"), entry.get("function", entry.get("name"))
        if not isinstance(path, str) or "\0" in path or not isinstance(function, str):
            raise InvalidInput(
                "a flow has no path or no function", field=f"flow[{number}]", remedy=REMEDY
            )
        source = file.parent / path
        if source not in compiled:
            compiler = find_compiler(file.parent, Path.home() / ".wasmarket")
            compiled[source] = compile_aqua(source, compiler, [file.parent])
        found = compiled[source].find(function)
        described = {"name": function, "script": found.script, **dump_interface(found.interface)}
        flows.append(described | rest)
    return {"flows": flows}


def _service_document(
    service: Mapping[str, Any], field: str, file: Path, blocks: dict[Cid, bytes]
) -> dict[str, Any]:
    rest = {key: value for key, value in service.items() if key != "module"}
    missing = "a service has no [[service.module]]"
    modules = [
        _module_document(entry, f"{field}.module[{number}].path", file, blocks)
        for number, entry in enumerate(_tables(service, "module", missing, f"{field}.module"))
    ]
    return {**rest, "modules": modules}


def _tables(
    parent: Mapping[str, Any], name: str, missing: str, field: str = ""
) -> list[dict[str, Any]]:
    """Return the tables of an array of tables. Raises InvalidInput that says what is `missing`."""
    found = parent.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(e, dict) for e in found):
        raise InvalidInput(missing, field=field or name, remedy=REMEDY)
    return found


def _module_document(
    module: Mapping[str, Any], field: str, file: Path, blocks: dict[Cid, bytes]
) -> dict[str, Any]:
    rest = {key: value for key, value in module.items() if key not in ("path", "build")}
    path = module.get("path")
    if not isinstance(path, str) or "\0" in path:
        raise InvalidInput("a module has no path", field=field, remedy=REMEDY)
    wasm = file.parent / path
    try:
        data = wasm.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"cannot read {wasm}: {error.strerror}", field=field, remedy="build the module first"
        ) from error
    imported = import_bytes(data, blocks.__setitem__)
    folders = rest.get("mapped_dirs")
    if isinstance(folders, dict):
        rest["mapped_dirs"] = {name: _into_storage(folder) for name, folder in folders.items()}
    return {**rest, "cid": str(imported.cid)}


def _into_storage(folder: Any) -> Any:
    """Return the storage folder that a mapped folder means.

    Configurations of Marine name folders of the host, such as `/tmp` or `./sites`; here a service
    has one of that name in its storage. What is no such path is left to the manifest to refuse.
    """
    if not isinstance(folder, str):
        return folder
    path = PurePosixPath(folder)
    if ".." in path.parts or path.is_relative_to(_STORAGE):
        return folder
    return str(_STORAGE / path.relative_to(path.anchor))

"""Publish apps of several services."""

from collections.abc import Mapping
from types import MappingProxyType

from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.app_parts import Limits, Manifest, Module, Service
from wasmarket.kernel.documents.content_ids import app_hash, raw_cid
from wasmarket.kernel.documents.manifest import dump_manifest
from wasmarket.kernel.units import Hash


def publish_services(
    folder: BlockFolder,
    services: Mapping[str, bytes],
    *,
    mapped: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    **parts: object,
) -> Hash:
    """Put an app of these services, one module each, into a folder; return its hash.

    `mapped` are the folders that services map, by name.
    """
    entries = []
    for name, wasm in services.items():
        cid = raw_cid(wasm)
        folder.put(cid, wasm)
        module = Module(name=name, cid=cid, mapped_dirs=mapped.get(name, {}))
        entries.append(Service(name=name, total_memory_limit=16 << 20, modules=(module,)))
    manifest = Manifest(
        name="services", services=tuple(entries), limits=Limits(call_ms=1_000), **parts
    )
    block = dump_manifest(manifest)
    cid = raw_cid(block)
    folder.put(cid, block)
    return app_hash(cid)

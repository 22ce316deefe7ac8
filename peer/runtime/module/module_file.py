"""Read a service's modules from their files and check that they are those that were meant."""

import hashlib

from peer.runtime.module.service import ModuleSpec, ServiceSpec
from wasmarket.kernel.errors import BadContent, ContentNotFound


def read_modules(spec: ServiceSpec) -> tuple[bytes, ...]:
    """Return the modules' bytes as listed; raise `ContentNotFound` or `BadContent`."""
    return tuple(_read_module(module) for module in spec.modules)


def _read_module(module: ModuleSpec) -> bytes:
    try:
        wasm = module.path.read_bytes()
    except FileNotFoundError as error:
        raise ContentNotFound(f"module {module.name} is not at {module.path}") from error
    if hashlib.sha256(wasm).digest() != module.digest:
        raise BadContent(
            f"module {module.name} at {module.path} does not have the hash {module.digest.hex()}"
        )
    return wasm

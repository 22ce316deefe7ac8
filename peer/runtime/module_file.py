"""Read a service's module from its file and check that it is the one that was meant."""

import hashlib

from kernel.errors import BadContent, ContentNotFound
from peer.runtime.service import ServiceSpec


def read_module(spec: ServiceSpec) -> bytes:
    """Return the facade's bytes; raise `ContentNotFound` or `BadContent`."""
    module = spec.facade
    try:
        wasm = module.path.read_bytes()
    except FileNotFoundError as error:
        raise ContentNotFound(f"module {module.name} is not at {module.path}") from error
    if hashlib.sha256(wasm).digest() != module.digest:
        raise BadContent(
            f"module {module.name} at {module.path} does not have the hash {module.digest.hex()}"
        )
    return wasm

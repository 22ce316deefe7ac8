"""Fixtures: the conformance modules, built once by the pinned compiler."""

from pathlib import Path

import pytest

from examples.build import EXAMPLES, compile_crate, finish_module, read_package

CRATES = Path(__file__).parent
SDK_VERSION = "0.14.0"


def build(name: str, *features: str) -> bytes:
    """Compile and finish a crate of this folder."""
    crate = CRATES / name
    wasm = compile_crate(crate, list(features), EXAMPLES / "guest")
    return finish_module(wasm, read_package(crate), SDK_VERSION)


@pytest.fixture(scope="session")
def types_wasm() -> bytes:
    return build("types")


@pytest.fixture(scope="session")
def old_wasm() -> bytes:
    """The same module with the one-argument `allocate` of old SDKs."""
    return build("types", "old-allocate")


@pytest.fixture(scope="session")
def facade_wasm() -> bytes:
    return build("facade")

"""Checking a module before activation: what is hosted, what is refused and with which reason."""

import pytest
from wasmtime import wat2wasm

from peer.runtime.errors import EffectorRefused, ModuleError
from peer.runtime.module.check import (
    MANIFEST_SECTION,
    SDK_SECTION,
    ModuleManifest,
    check_module,
    encode_manifest,
    inspect_module,
)
from peer.runtime.wasm.sections import append_custom
from tests.peer.runtime.guests import API, COUNTER, LOGGER, MEMORY, SLEEPER, build_guest
from wasmarket.kernel.reasons import LeaveReason

pytestmark = pytest.mark.unit
NOTHING = '(func (export "f"))'


def importing(module: str, name: str, kind: str = "(func)") -> bytes:
    return build_guest(NOTHING, "f()", imports=f'(import "{module}" "{name}" {kind})')


@pytest.mark.parametrize("wasm", [COUNTER, LOGGER, SLEEPER], ids=["a", "b", "c"])
def test_check_module__a_marine_module__gives_its_functions(wasm: bytes) -> None:
    assert check_module(wasm).functions


def test_check_module__core_wasm_without_interface__is_not_marine() -> None:
    with pytest.raises(ModuleError, match="not a Marine module: it has no interface-types") as e:
        check_module(bytes(wat2wasm("(module)")))

    assert e.value.reason is LeaveReason.BAD_MODULE
    assert e.value.remedy


@pytest.mark.parametrize(
    ("wasm", "reason"),
    [
        (build_guest(NOTHING, "f()", allocate=""), "does not export allocate"),
        (
            build_guest(NOTHING, "f()", allocate='(func (export "allocate"))'),
            "allocate has another type",
        ),
        (build_guest(NOTHING, "f()", memory="(memory 1)"), "exports no memory"),
        (build_guest(NOTHING, "g()"), "function g is declared but not exported"),
        (build_guest(NOTHING, "f(a: u32)"), "function f is exported with another type"),
        (build_guest(NOTHING, "f() -> u32"), "function f is exported with another type"),
        (importing("env", "abort"), "env.abort"),
        (importing("wasi_snapshot_preview1", "steal"), "unknown WASI function .*steal"),
        (importing("host", "steal"), "unknown host function host.steal"),
        (importing("host", "log_utf8_string"), "host.log_utf8_string with another type"),
        (importing("env", "memory", "(table 1 funcref)"), "env.memory, which is not a function"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_check_module__something_does_not_fit__is_named(wasm: bytes, reason: str) -> None:
    with pytest.raises(ModuleError, match=reason):
        check_module(wasm)


def test_check_module__a_capability_nobody_gives__has_its_own_leave_reason() -> None:
    with pytest.raises(EffectorRefused, match=r"curl_adapter\.curl_request") as refused:
        check_module(importing("curl_adapter", "curl_request"))

    assert refused.value.reason is LeaveReason.EFFECTOR


def test_inspect_module__a_module_of_the_service__passes() -> None:
    assert inspect_module(importing("curl", "curl_request"), linked={"curl"})


def test_inspect_module__old_allocate_with_one_argument__is_known() -> None:
    old = '(func (export "allocate") (param i32) (result i32) i32.const 0)'

    assert not inspect_module(build_guest(NOTHING, "f()", allocate=old)).allocate_has_tag
    assert inspect_module(COUNTER).allocate_has_tag


def test_inspect_module__missing_api_function__is_refused() -> None:
    without = API.replace('(export "release_objects")', "")
    wasm = bytes(wat2wasm(f"(module {MEMORY} {without} {NOTHING})"))

    with pytest.raises(ModuleError, match=r"allocate|release_objects"):
        check_module(append_custom(wasm, "interface-types", b"\x05\x060.20.0"))


@pytest.mark.parametrize("version", ["0.6.0", "0.14.0", "1.2.3-beta"])
def test_inspect_module__sdk_version__is_read(version: str) -> None:
    wasm = append_custom(COUNTER, SDK_SECTION, version.encode())

    assert inspect_module(wasm).sdk_version == version


@pytest.mark.parametrize(
    ("version", "reason"), [(b"0.5.9", "older than 0.6.0"), (b"new", "major"), (b"\xff", "UTF-8")]
)
def test_inspect_module__sdk_too_old_or_broken__is_refused(version: bytes, reason: str) -> None:
    with pytest.raises(ModuleError, match=reason):
        inspect_module(append_custom(COUNTER, SDK_SECTION, version))


def test_inspect_module__manifest__is_read_back() -> None:
    manifest = ModuleManifest("Ann", "1.0.0", "counts", "", "1970-01-01T00:00:00+00:00")
    wasm = append_custom(COUNTER, MANIFEST_SECTION, encode_manifest(manifest))

    assert inspect_module(wasm).manifest == manifest


def test_inspect_module__manifest_cut_short__is_refused() -> None:
    with pytest.raises(ModuleError, match="module manifest section ends"):
        inspect_module(append_custom(COUNTER, MANIFEST_SECTION, b"\xff" * 9))

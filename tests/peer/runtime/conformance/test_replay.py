"""Deterministic services and fuel: the same call, the same answer, the same cost, anywhere."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples.build import find_compiler
from peer.runtime.effectors.signatures import EFFECTORS
from peer.runtime.errors import EffectorRefused, ModuleError
from peer.runtime.execution.service_host import ServiceHost
from peer.runtime.messages import Answer, Call
from peer.runtime.module.links import plan_service
from peer.runtime.module.service import BodyKind, CallLimits, InstanceMode, validate_spec
from tests.peer.runtime.conftest import HostService
from tests.peer.runtime.guests import COUNTER, PARAMETERS, build_guest, build_spec
from wasmarket.kernel.documents.app_parts import Effectors

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_compiler() is None, reason="needs Debian's rustc and Wasm library"),
]
Host = Callable[[], ServiceHost]
FUEL = CallLimits(call_ms=5_000, fuel=1_000_000_000)


@pytest.fixture
def build(host_service: HostService, types_wasm: bytes, tmp_path: Path) -> Callable[..., Any]:
    """Return a function to a new host of the types module."""

    def make(*, deterministic: bool = True, wasm: bytes = types_wasm) -> ServiceHost:
        spec = build_spec(wasm, tmp_path, memory=8 << 20, limits=FUEL)
        return host_service(replace(spec, is_deterministic=deterministic))

    return make


def run(host: ServiceHost, function: str, *arguments: object, caller: str = "") -> Answer:
    body = json.dumps(arguments).encode()
    return host.answer(Call("guest", function, body, BodyKind.JSON, {"init_peer_id": caller}))


def test_deterministic__the_same_call_anywhere_and_again__is_the_same_to_the_bit(
    build: Callable[..., Any],
) -> None:
    first, second = build(), build()

    for function in ("random", "times", "of_f64", "work"):
        arguments = {"of_f64": ["NaN"], "work": [1_000]}.get(function, [])
        answers = [run(host, function, *arguments) for host in (first, first, second)]
        assert len({answer.output for answer in answers}) == 1
        assert len({answer.fuel for answer in answers}) == 1
        assert answers[0].fuel > 0


def test_deterministic__another_call__has_other_randomness(build: Callable[..., Any]) -> None:
    host = build()
    body = b"[ ]"

    usual = run(host, "random")
    other = host.answer(Call("guest", "random", body, BodyKind.JSON, {}))

    numbers = json.loads(usual.output)["result"]
    assert len(set(numbers)) == 4
    assert usual.output != other.output


def test_deterministic__clock__begins_at_0_and_moves_when_it_is_read(
    build: Callable[..., Any],
) -> None:
    first, last, elapsed = json.loads(run(build(), "times").output)["result"]

    assert (first, last, elapsed) == (2_000, 3_000, 3_000)


def test_deterministic__who_calls__is_not_told(build: Callable[..., Any]) -> None:
    host = build(wasm=PARAMETERS)

    assert run(host, "who", caller="0x1").output == run(host, "who", caller="0x2").output


def test_usual__randomness_and_time__are_real(build: Callable[..., Any]) -> None:
    host = build(deterministic=False)

    assert run(host, "random").output != run(host, "random").output
    assert json.loads(run(host, "times").output)["result"][0] > 10**18
    answered = run(build(deterministic=False, wasm=PARAMETERS), "who", caller="0x1")
    assert answered.output == b'{"result":"0x1"}'


def test_fuel__grows_with_the_work_and_ends_it(
    host_service: HostService, types_wasm: bytes, tmp_path: Path
) -> None:
    limits = CallLimits(call_ms=5_000, fuel=200_000)
    host = host_service(build_spec(types_wasm, tmp_path, memory=8 << 20, limits=limits))

    little, more = (run(host, "work", rounds).fuel for rounds in (100, 1_000))
    endless = run(host, "work", 10**12)

    assert 0 < little < more <= 200_000
    assert endless.status == 2
    assert endless.detail == "the call used up its fuel of 200000"
    assert endless.fuel == pytest.approx(200_000, abs=100)


def test_deterministic__with_something_that_stays__is_refused(tmp_path: Path) -> None:
    spec = replace(build_spec(COUNTER, tmp_path), is_deterministic=True)

    validate_spec(spec)
    for wrong in (
        replace(spec, instance=InstanceMode.WARM),
        replace(spec, storage_dir=tmp_path),
    ):
        with pytest.raises(ModuleError, match="deterministic"):
            validate_spec(wrong)


def test_deterministic__effectors__are_refused(tmp_path: Path) -> None:
    wasm = build_guest(
        '(func (export "f"))',
        "f()",
        imports='(import "wasmarket:kv" "add" (func (param i32 i32 i64)))',
        links=[("wasmarket:kv", EFFECTORS["kv"]["add"])],
    )
    spec = replace(build_spec(wasm, tmp_path), effectors=Effectors(kv=True))

    assert plan_service(spec, [wasm]).effects["guest"]
    with pytest.raises(EffectorRefused, match="its service is deterministic"):
        plan_service(replace(spec, is_deterministic=True), [wasm])

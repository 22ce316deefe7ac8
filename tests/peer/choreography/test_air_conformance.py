"""Every instruction of AIR, over two peers, beside npm marine-js with the same data and results.

A script runs between our hosts until nothing is left to do; each invoke's arguments are then given
to AquaVM in marine-js, whose outcome must be the same. Data is compared as AquaVM reads it: maps in
it have no order.
"""

import asyncio
import shutil
from typing import Any

import msgspec
import pytest

from peer.choreography.avm import NAME, ServiceAnswer
from tests.peer.choreography.avm_bench import build_particle, id_of, running
from tests.peer.choreography.marine_js import invoke_in_marine_js
from tests.peer.runtime.pools import in_loop

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("node") is None, reason="needs Node"),
]

A, B = id_of(9), id_of(8)


def call(peer: str, arguments: str = "", output: str = "", function: str = "echo") -> str:
    return f'(call "{peer}" ("s" "{function}") [{arguments}] {output})'


LIST = call(A, '"a" "b" "c"', "list", "list")
SCRIPTS = {
    "call, scalar": call(A, '"x" 1 true 1.5', "v"),
    "call, stream": f"(seq {call(A, '1', '$s')} {call(B, '2', '$s')})",
    "seq": f"(seq {call(A, '1', 'v')} {call(B, 'v', 'w')})",
    "par": f"(seq (par {call(A, '1', 'v')} {call(B, '2', 'w')}) {call(A, '3')})",
    "xor": f"(xor {call(B, '1', 'v', 'fail')} {call(A, ':error:.$.message')})",
    "match": f"(seq {call(A, '1', 'v')} (xor (match v v {call(B, '1')}) {call(B, '2')}))",
    "mismatch": f"(seq {call(A, '1', 'v')} (xor (mismatch v v {call(B, '1')}) {call(B, '2')}))",
    "fold over a list": f"(seq {LIST} (fold list i (seq {call(B, 'i', '$s')} (next i))))",
    "fold, par": f"(seq {LIST} (fold list i (par {call(B, 'i', '$s')} (next i))))",
    "fold with a last instruction": f"(seq {LIST}"
    f" (fold list i (seq {call(B, 'i')} (next i)) {call(A, '9')}))",
    "fold over a stream": f"(seq (seq {call(A, '1', '$s')} {call(A, '2', '$s')})"
    f" (fold $s i (seq {call(B, 'i')} (next i))))",
    "fold over a map": '(seq (ap ("k" 1) %m) (seq (ap ("l" 2) %m)'
    f" (fold %m i (seq {call(B, 'i.$.value')} (next i)))))",
    "new": f'(seq (new $s (seq (ap 1 $s) (canon "{A}" $s #c))) {call(B, "1")})',
    "ap": f"(seq {call(A, '1', 'v')} (seq (ap v $s) (seq (ap v w) {call(B, 'w')})))",
    "canon": f'(seq (seq (ap 1 $s) (ap 2 $s)) (seq (canon "{B}" $s #c) {call(B, "#c")}))',
    "canon of a map": f'(seq (ap ("k" 1) %m) (seq (canon "{B}" %m #%c) {call(B, "#%c.$.k")}))',
    "fail": f'(xor (fail 1337 "on purpose") {call(B, ":error:.$.message")})',
    "fail with a scalar": f"(xor (seq {call(A, '1', 'v', 'fail')} (null)) (fail :error:))",
    "never": f"(par (seq (never) {call(B, '1')}) {call(B, '2')})",
    "null": f"(seq (null) {call(B, '1')})",
    "lens": f"(seq {call(A, '1', 'v', 'object')} {call(B, 'v.$.a.[1]')})",
    "error of another peer": f"(xor {call(B, '1', 'v', 'fail')}"
    f" {call(A, '%last_error%.$.message')})",
    "does not parse": "(seq (null)",
    "initiator's own": '(call %init_peer_id% ("s" "echo") [%timestamp% %ttl%])',
}


def answer(live: Any, identity: Any, request: Any) -> Any:
    match request.function:
        case "list":
            return request.arguments
        case "object":
            return {"a": [1, {"b": None}]}
        case "fail":
            return ServiceAnswer(1, "it failed")
        case _:
            return request.arguments[0] if request.arguments else ""


class Recorder:
    """Keep what AquaVM was given and gave."""

    def __init__(self) -> None:
        self.arguments: list[list[Any]] = []
        self.outcomes: list[dict[str, Any]] = []

    def watch(self, bench: Any) -> None:
        pool = bench.avm._pool
        plain = pool.call

        async def recorded(service: str, function: str, body: bytes, *how: Any) -> Any:
            result = await plain(service, function, body, *how)
            if (service, function) == (NAME, "invoke"):
                self.arguments.append(msgspec.msgpack.decode(body))
                self.outcomes.append(msgspec.msgpack.decode(result.output))
            return result

        pool.call = recorded


@in_loop
async def run_all(folder: Any, recorder: Recorder) -> None:
    async with running(folder / "a", 9) as a, running(folder / "b", 8) as b:
        for bench in (a, b):
            bench.record.do = answer
            recorder.watch(bench)
        hosts = {A: a, B: b}
        for script in SCRIPTS.values():
            particle = build_particle(9, script)
            a.host.accept(particle)
            for _ in range(20):
                await a.settle()
                await b.settle()
                waiting = [*a.sent, *b.sent]
                a.sent.clear()
                b.sent.clear()
                for peer, data in waiting:
                    if peer in hosts:
                        hosts[peer].host.accept(particle.with_data(data))
                if not waiting:
                    break


def test_air__every_instruction__gives_what_marine_js_gives(tmp_path):
    recorder = Recorder()
    run_all(tmp_path, recorder)
    assert len(recorder.arguments) > 2 * len(SCRIPTS)

    theirs = invoke_in_marine_js(recorder.arguments)["outcomes"]

    for given, ours, their in zip(recorder.arguments, recorder.outcomes, theirs, strict=True):
        assert ours["ret_code"] == their["ret_code"], given[0]
        assert ours["error_message"] == their["error_message"], given[0]
        assert sorted(ours["next_peer_pks"]) == sorted(their["next_peer_pks"]), given[0]
        assert read_requests(ours["call_requests"]) == read_requests(
            bytes(their["call_requests"])
        ), given[0]
    described = describe_pairs(
        tmp_path,
        [ours["data"] for ours in recorder.outcomes],
        [bytes(their["data"]) for their in theirs],
    )
    for given, (ours, their) in zip(recorder.arguments, described, strict=True):
        assert ours == their, given[0]


def describe_pairs(folder: Any, ours: list[bytes], theirs: list[bytes]) -> list[Any]:
    async def read() -> list[Any]:
        async with running(folder / "c", 9) as bench:
            return [
                (await describe(bench, one), await describe(bench, other))
                for one, other in zip(ours, theirs, strict=True)
            ]

    return asyncio.run(read())


async def describe(bench: Any, data: bytes) -> Any:
    return await bench.avm.describe(data) if data else None


def read_requests(data: bytes) -> Any:
    return msgspec.msgpack.decode(data[2:]) if data else {}

"""Particles at one peer, with a real AquaVM: what runs, what is refused, what is kept."""

import asyncio

import pytest

from peer.choreography.avm import ServiceAnswer
from peer.choreography.callers.scripts import ScriptFailed
from peer.choreography.caps import ParticleCaps, now_ms
from tests.peer.choreography.avm_bench import build_particle, id_of, key_of, running
from tests.peer.runtime.pools import eventually, in_loop
from wasmarket.kernel.errors import (
    Expired,
    InvalidInput,
    InvalidSignature,
    LimitReached,
    TimedOut,
    TooLarge,
)
from wasmarket.kernel.signing.particles import sign_particle

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]

HERE, NEXT = id_of(9), id_of(8)
CALL = f'(call "{HERE}" ("service" "function") ["argument"] x)'
ON = f'(seq {CALL} (call "{NEXT}" ("service" "function") [x]))'
RESPOND = '(call %init_peer_id% ("callbackSrv" "response") [x])'


@in_loop
async def test_particle__with_a_call_here__is_called_and_sent_on(tmp_path):
    async with running(tmp_path) as bench:
        bench.host.accept(build_particle(1, ON))
        await bench.settle()

        assert bench.called == [("service", "function", ["argument"])]
        assert [peer for peer, _ in bench.sent] == [NEXT]


@in_loop
async def test_particle__sent_twice__is_called_once(tmp_path):
    async with running(tmp_path) as bench:
        particle = build_particle(1, ON)
        bench.host.accept(particle)
        await bench.settle()
        bench.host.accept(particle)
        bench.host.accept(particle.with_data(bench.sent[0][1]))
        await bench.settle()

        assert len(bench.called) == 1


@in_loop
async def test_particle__after_a_restart__goes_on_where_it_was(tmp_path):
    particle = build_particle(1, ON)
    async with running(tmp_path) as bench:
        bench.host.accept(particle)
        await bench.settle()
    async with running(tmp_path) as bench:
        assert len(bench.host) == 1
        bench.host.accept(particle)
        await bench.settle()

        assert bench.called == []


@in_loop
async def test_particle__over_the_memory__waits_in_a_file_and_comes_back(tmp_path):
    padding = '(call "' + HERE + '" ("service" "function") ["' + "x" * 60_000 + '"])'
    async with running(tmp_path, memory_bytes=200_000) as bench:
        particles = [build_particle(1, f"(seq {CALL} {padding})") for _ in range(6)]
        for particle in particles:
            bench.host.accept(particle)
            await bench.settle()

        assert len(bench.host) == 6
        assert bench.host.held_bytes <= 200_000
        done = len(bench.called)
        bench.host.accept(particles[0])
        await bench.settle()
        assert len(bench.called) == done


@in_loop
async def test_particle__over_its_time__is_forgotten_with_its_file(tmp_path):
    async with running(tmp_path) as bench:
        bench.host.accept(build_particle(1, CALL, ttl=2_000))
        await bench.memory.save()
        assert len(list((tmp_path / "particles").iterdir())) == 1
        while len(bench.host):
            await asyncio.sleep(0.02)
            await bench.host.sweeping.take_turn()

        assert bench.host.held_bytes == 0
        assert list((tmp_path / "particles").iterdir()) == []


@in_loop
async def test_particle__that_is_not_well__is_refused_with_the_cause(tmp_path):
    async with running(tmp_path) as bench:
        good = build_particle(1, CALL)
        for bad, error in [
            (sign_particle(good, key_of(2)), InvalidSignature),
            (build_particle(1, CALL, timestamp=now_ms() - 90_000), Expired),
            (build_particle(1, CALL, ttl=365 * 86_400_000 // 10), InvalidInput),
            (build_particle(1, CALL, timestamp=now_ms() + 3_600_000), InvalidInput),
            (build_particle(1, "x" * 300_000), TooLarge),
            (build_particle(1, CALL, data=bytes(2 << 20)), TooLarge),
        ]:
            with pytest.raises(error):
                bench.host.accept(bad)

        assert len(bench.host) == 0


@in_loop
async def test_particle__that_changes_under_a_known_signature__is_refused(tmp_path):
    async with running(tmp_path) as bench:
        good = build_particle(1, CALL)
        bench.host.accept(good)
        forged = sign_particle(build_particle(1, ON), key_of(2))

        with pytest.raises(InvalidSignature):
            bench.host.accept(
                type(good)(
                    forged.id,
                    forged.init_peer_id,
                    forged.timestamp,
                    forged.ttl,
                    forged.script,
                    good.signature,
                )
            )


@in_loop
async def test_initiator__with_too_many_particles__is_told_to_wait(tmp_path):
    async with running(tmp_path, caps=ParticleCaps(per_minute=5)) as bench:
        for _ in range(5):
            bench.host.accept(build_particle(1, CALL))
        with pytest.raises(LimitReached):
            bench.host.accept(build_particle(1, CALL))

        bench.host.accept(build_particle(2, CALL))
        await bench.settle()
        assert len(bench.called) == 6


@in_loop
async def test_data__with_one_bit_flipped__changes_nothing_and_others_go_on(tmp_path):
    async with running(tmp_path / "a", 9) as first:
        script = f'(seq {CALL} (call "{NEXT}" ("service" "function") [x] y))'
        particle = build_particle(1, script)
        first.host.accept(particle)
        await first.settle()
        [(_, data)] = first.sent
    async with running(tmp_path / "b", 8) as second:
        second.host.accept(build_particle(1, script).with_data(data))
        await second.settle()
        assert second.called == [], "data of another particle is signed for that one"
        for position in range(len(data)):
            flipped = bytearray(data)
            flipped[position] ^= 1 << position % 8
            second.host.accept(particle.with_data(bytes(flipped)))
            if position % 16 == 0:
                await second.settle()
        await second.settle()
        assert second.called in ([], [("service", "function", [["argument"]])])
        second.host.accept(particle.with_data(data))
        await second.settle()

        assert second.called == [("service", "function", [["argument"]])]


@in_loop
async def test_garbage__of_a_peer_on_the_way__stops_neither_the_script_nor_its_answers(tmp_path):
    async with running(tmp_path / "a", 9) as first:
        answer = asyncio.Event()

        async def wait() -> ServiceAnswer:
            await answer.wait()
            return ServiceAnswer(0, "late")

        first.record.do = lambda live, identity, request: wait()
        script = f"""(seq (par (call "{NEXT}" ("op" "noop") []) (null))
          (seq (call "{HERE}" ("slow" "function") [] x) {RESPOND}))"""
        running_script = asyncio.ensure_future(
            first.scripts.run(first.identities.own, script, {}, 30_000)
        )
        await eventually(lambda: first.called)
        [live] = first.memory
        for garbage in (b"garbage", b"\x83", bytes(1_000), b"\x83\xa7version"):
            first.host.deliver(live, first.identities.own, garbage)
        answer.set()
        first.host.deliver(live, first.identities.own, b"and more")

        assert (await running_script).value == "late"
        assert any("left out" in problem for problem in live.trail.problems)


@in_loop
async def test_script__without_end__is_ended_and_says_why(tmp_path):
    forever = "(seq (ap 1 $s) (fold $s i (par (seq (ap i $s) (next i)) (null))))"  # feeds itself
    async with running(tmp_path, caps=ParticleCaps(invokes=20)) as bench:
        particle = build_particle(1, forever)
        bench.host.accept(particle)
        await bench.settle()
        [trail] = bench.trails.find(particle.id)
        assert trail.problems

        bench.host.accept(build_particle(1, CALL))
        await bench.settle()
        assert len(bench.called) == 1


@in_loop
async def test_script__with_more_calls_than_may_be__is_stopped(tmp_path):
    many = CALL
    for _ in range(4):
        many = f"(par {many} {many})".replace(" x)", ")")
    async with running(tmp_path, caps=ParticleCaps(calls=10)) as bench:
        particle = build_particle(1, many)
        bench.host.accept(particle)
        await bench.settle()

        assert len(bench.called) == 10
        assert "more than 10 calls" in bench.trails.find(particle.id)[0].problems[0]


@in_loop
async def test_script__of_a_caller__gives_its_values(tmp_path):
    async with running(tmp_path) as bench:
        script = f'(seq (call %init_peer_id% ("getDataSrv" "n") [] x) {RESPOND})'

        found = await bench.scripts.run(bench.identities.own, script, {"n": {"a": [1]}}, 10_000)

        assert found.value == {"a": [1]}
        assert found.data.startswith(b"\x83\xa7version")


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("(call", "AquaVM refuses it (1)"),
        ('(call %init_peer_id% ("getDataSrv" "none") [] x)', "no argument none"),
        (
            f'(xor (call "{HERE}" ("service" "bad") []) '
            '(call %init_peer_id% ("errorHandlingSrv" "error") [:error: 0]))',
            "no luck",
        ),
    ],
)
def test_script__that_fails__says_why(tmp_path, script, cause):
    @in_loop
    async def run():
        async with running(tmp_path) as bench:
            bench.record.do = lambda live, identity, request: ServiceAnswer(1, "no luck")
            caller = bench.identities.initiator_of(b"caller")
            with pytest.raises(ScriptFailed) as raised:
                await bench.scripts.run(caller, script, {}, 30_000)
            assert cause in raised.value.detail

    run()


@in_loop
async def test_script__that_never_answers__ends_with_its_ttl(tmp_path):
    async with running(tmp_path) as bench:
        script = f'(call "{NEXT}" ("service" "function") [] x)'
        with pytest.raises(TimedOut):
            await bench.scripts.run(bench.identities.own, script, {}, 300)


@pytest.mark.parametrize(
    "script",
    [
        "(null)",
        CALL,
        f'(par {CALL} (par (match "a" "b" (call "{HERE}" ("s" "f") [] y)) '
        f'(call "{HERE}" ("s" "never") [y])))',
    ],
)
def test_script__that_waits_for_what_nobody_gives__fails_at_once(tmp_path, script):
    @in_loop
    async def run():
        async with running(tmp_path) as bench:
            with pytest.raises(ScriptFailed, match="a value that nobody gives"):
                await bench.scripts.run(bench.identities.own, script, {}, 60_000)

    run()


@in_loop
async def test_script__that_waits_for_a_slow_call__is_not_given_up(tmp_path):
    async with running(tmp_path) as bench:
        asked, answered = asyncio.Event(), asyncio.Event()

        async def answer_late() -> ServiceAnswer:
            asked.set()
            await answered.wait()
            return ServiceAnswer(0, "late")

        bench.record.do = lambda live, identity, request: answer_late()
        script = f"(seq {CALL} {RESPOND})"
        run = asyncio.ensure_future(bench.scripts.run(bench.identities.own, script, {}, 60_000))
        await asked.wait()
        answered.set()
        assert (await run).value == "late"


@in_loop
async def test_script__that_tells_its_caller_too_much__is_refused_there(tmp_path):
    async with running(tmp_path) as bench:
        tell = '(call %init_peer_id% ("callbackSrv" "tell") [n])'
        get = '(call %init_peer_id% ("getDataSrv" "n") [] n)'
        script = f"(seq {get} (seq (seq {tell} {tell}) (seq (seq {tell} {tell}) {tell})))"
        with pytest.raises(ScriptFailed) as raised:
            await bench.scripts.run(bench.identities.own, script, {"n": "x" * 900_000}, 60_000)
        assert "told more than" in raised.value.detail


@in_loop
async def test_call__that_fails_at_another_identity__is_in_the_trail(tmp_path):
    async with running(tmp_path) as bench:
        bench.record.do = lambda live, identity, request: ServiceAnswer(1, "no luck")
        particle = build_particle(1, CALL)
        bench.host.accept(particle)
        await bench.settle()

        [problem] = bench.trails.find(particle.id)[0].problems
        assert "no luck" in problem

"""Particles that are meant to hurt: the peer stays up, others go on, memory comes back."""

import asyncio
import os

import pytest

from peer.choreography import avm
from peer.choreography.avm import ServiceAnswer
from peer.choreography.caps import ParticleCaps
from tests.peer.choreography.avm_bench import build_particle, id_of, running
from tests.peer.runtime.pools import eventually, in_loop
from wasmarket.kernel.errors import LimitReached

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HERE, NEXT = id_of(9), id_of(8)
CALL = f'(call "{HERE}" ("service" "function") ["argument"] x)'


async def still_works(bench) -> None:
    """A particle of somebody else is run."""
    await bench.settle()
    before = len(bench.called)
    bench.host.accept(build_particle(2, CALL))
    await bench.settle()
    assert len(bench.called) == before + 1


@in_loop
async def test_particles__beside_plain_calls__get_less_of_the_machine(tmp_path):
    async with running(tmp_path) as bench:
        await still_works(bench)
        own = os.getpriority(os.PRIO_PROCESS, 0)
        ranks = [os.getpriority(os.PRIO_PROCESS, pid) for pid in bench.avm._pool.pids]
    assert ranks
    assert all(rank > own for rank in ranks)


@in_loop
async def test_flood__of_one_initiator__is_cut_and_its_memory_comes_back(tmp_path):
    async with running(tmp_path, caps=ParticleCaps(per_minute=300)) as bench:
        taken = 0
        for _ in range(1_000):
            try:
                bench.host.accept(build_particle(1, CALL, ttl=1_500))
                taken += 1
            except LimitReached:
                continue
        assert taken < 900
        await still_works(bench)
        while len(bench.host) > 1:
            await asyncio.sleep(0.05)
            await bench.host.sweeping.take_turn()
        assert bench.host.held_bytes < 1_000


@in_loop
async def test_flood__of_many_initiators__stays_within_memory(tmp_path):
    padding = f'(call "{NEXT}" ("s" "f") ["' + "x" * 100_000 + '"])'
    async with running(tmp_path, memory_bytes=1 << 20) as bench:
        for number in range(1, 41):
            bench.host.accept(build_particle(number, padding))
            await bench.settle()
            assert bench.host.held_bytes <= 1 << 20
        assert len(bench.host) == 40
        await still_works(bench)


ENDLESS = "(seq (ap 1 $s) (fold $s i (seq (ap i $s) (next i))))"
HURTFUL = (
    "(par " * 3_000 + "(null)" + " (null))" * 3_000,
    ENDLESS,
    f"(seq (ap 1 $s) (fold $s i (par (ap i $s) (seq (next i) {CALL}))))".replace(" x)", ")"),
    "\x00(null)",
    "(null)" + " " * 200_000,
    '(call "nobody" ("s" "f") [])',
    f'(call "{HERE}" ("" "") [])',
)


@in_loop
async def test_scripts__meant_to_hurt__leave_others_alone(tmp_path):
    async with running(tmp_path, caps=ParticleCaps(invokes=30, calls=50)) as bench:
        for script in HURTFUL:
            bench.host.accept(build_particle(1, script))
            await bench.settle()
            await still_works(bench)
            assert len(bench.called) <= 60
            bench.called.clear()


@in_loop
async def test_scripts__that_take_all_their_time__leave_a_worker_to_others(tmp_path, monkeypatch):
    monkeypatch.setattr(avm, "INVOKE_MS", 1_000)
    endless = f"(seq {CALL} {ENDLESS})"
    async with running(tmp_path, units=2) as bench:
        await still_works(bench)
        for _ in range(8):
            bench.host.accept(build_particle(1, endless))
        await eventually(lambda: len(bench.called) > 1)
        for number in range(40):
            bench.host.accept(build_particle(2 + number % 3, CALL.replace("argument", "of others")))
        await eventually(lambda: sum(call[2] == ["of others"] for call in bench.called) == 40)

        assert bench.avm.restarts == 0
        assert not all(live.is_idle for live in bench.memory), "the slow ones are still under way"


@in_loop
async def test_script__over_its_time__ends_its_worker_and_the_next_is_served(tmp_path, monkeypatch):
    monkeypatch.setattr(avm, "INVOKE_MS", 1)
    monkeypatch.setattr(avm, "GRACE_SECONDS", 0.2)
    async with running(tmp_path) as bench:
        await still_works(bench)
        bench.record.do = lambda live, identity, request: list(range(200))
        begin, end = "(fold x i{0} (seq ", " (next i{0})))"
        loops = "".join(map(begin.format, range(4))) + "(null)"
        loops += "".join(map(end.format, reversed(range(4))))
        particle = build_particle(1, f"(seq {CALL} {loops})")
        bench.host.accept(particle)
        await bench.settle()

        [trail] = bench.trails.find(particle.id)
        assert any("more than its 1 ms" in problem for problem in trail.problems)
        await still_works(bench)
        assert bench.avm.restarts == 1


@in_loop
async def test_services__that_never_answer__hold_back_only_their_particle(tmp_path):
    async with running(tmp_path) as bench:
        never = asyncio.Event()

        async def hang() -> ServiceAnswer:
            await never.wait()
            return ServiceAnswer(0, None)

        bench.record.do = lambda live, identity, request: hang()
        for _ in range(50):
            bench.host.accept(build_particle(1, CALL))
        while len(bench.called) < 50:
            await asyncio.sleep(0.01)
        bench.record.do = lambda live, identity, request: "now"
        bench.host.accept(build_particle(2, CALL))
        while len(bench.called) < 51:
            await asyncio.sleep(0.01)
        never.set()
        await bench.settle()


@in_loop
async def test_relays__in_a_circle__end_with_the_script(tmp_path):
    circle = "(null)"
    for number in range(60):
        peer = HERE if number % 2 else NEXT
        circle = f'(seq (call "{peer}" ("op" "noop") []) {circle})'
    particle = build_particle(1, circle)
    async with running(tmp_path / "a", 9) as a, running(tmp_path / "b", 8) as b:
        hosts = {HERE: a, NEXT: b}
        a.host.accept(particle)
        sendings = 0
        while True:
            await a.settle()
            await b.settle()
            waiting = [*a.sent, *b.sent]
            a.sent.clear()
            b.sent.clear()
            sendings += len(waiting)
            if not waiting:
                break
            for peer, data in waiting:
                hosts[peer].host.accept(particle.with_data(data))

        assert sendings <= 61
        assert len(a.called) + len(b.called) == 60


@in_loop
async def test_join__with_a_service_that_fails_in_the_middle__joins_the_others(tmp_path):
    def fail_once(live, identity, request):
        if request.arguments == [2]:
            return ServiceAnswer(1, "trap")
        return request.arguments[0]

    calls = [f'(xor (call "{HERE}" ("s" "f") [{n}] $s) (ap "none" $s))' for n in (1, 2, 3)]
    script = f"""(seq (par {calls[0]} (par {calls[1]} {calls[2]}))
      (seq (canon "{HERE}" $s #c) (call %init_peer_id% ("callbackSrv" "response") [#c])))"""
    async with running(tmp_path) as bench:
        bench.record.do = fail_once

        found = await bench.scripts.run(bench.identities.own, script, {}, 30_000)

        assert sorted(map(str, found.value)) == ["1", "3", "none"]

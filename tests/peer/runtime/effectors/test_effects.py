"""The supervisor's side: what a call may ask, and what no worker asks."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from peer.runtime.effectors.effects import (
    GRACE_SECONDS,
    CallAllowance,
    CallBudget,
    Effects,
    ServiceEffects,
)
from peer.runtime.effectors.kv_effect import KvEffect, KvStores
from peer.runtime.effectors.kv_file import KvLimits
from peer.runtime.effectors.metrics import EffectMetrics
from peer.runtime.effectors.secret_effect import SecretEffect
from peer.runtime.messages import HostAnswer, HostCall
from wasmarket.kernel.documents.receipts import CallStatus
from wasmarket.kernel.errors import NotFound

pytestmark = pytest.mark.unit
SMALL = KvLimits(total_bytes=10_000, keys=100, key_bytes=100, value_bytes=5_000)


def ask(
    folder: Path,
    *calls: HostCall,
    allowance: CallAllowance | None = None,
    metrics: EffectMetrics | None = None,
) -> list[Any]:
    """Ask as one call of the service `guest` does, which may use `kv`; return the answers."""

    async def run() -> list[HostAnswer | None]:
        stores = KvStores(SMALL)
        effects = Effects(
            {"guest": ServiceEffects(kv=KvEffect(stores, folder / "guest.kv"))},
            allowance,
            metrics,
        )
        budget = effects.open_budget(asyncio.get_running_loop().time() + 5 + GRACE_SECONDS)
        answers = [await effects.answer(call, 100, budget) for call in calls]
        await stores.close()
        return answers

    return asyncio.run(run())


def kv(function: str, *arguments: Any, service: str = "guest") -> HostCall:
    return HostCall(service, "kv", function, list(arguments))


@pytest.mark.parametrize(
    "call",
    [
        kv("get", "k", service="other"),
        kv("steal", "k"),
        kv("get"),
        kv("get", 1),
        kv("get", None),
        kv("add", "k", 1.5),
        kv("add", "k", True),
        kv("list", ["a"], "", 0),
        HostCall("guest", "http", "request", [{}]),
        HostCall("guest", "ipfs", "get", ["cid"]),
        HostCall("guest", "log", "write", [1, "x"]),
        HostCall("guest", "../kv", "get", ["k"]),
    ],
)
def test_answer__what_no_worker_asks__has_none(tmp_path: Path, call: HostCall) -> None:
    assert ask(tmp_path, call) == [None]


def test_answer__more_bytes_than_a_call_may_move__ends_it(tmp_path: Path) -> None:
    allowance = CallAllowance(moved_bytes=2_000)

    put, got, more = ask(
        tmp_path,
        kv("put", "k", bytes(1_900)),
        kv("get", "k"),
        kv("get", "k"),
        allowance=allowance,
    )

    assert (put.status, put.value) == (0, "")
    assert got.status == CallStatus.TRAP
    assert got.value is None
    assert "moves more than 2000 bytes" in more.detail


def test_answer__time_is_over__ends_the_call(tmp_path: Path) -> None:
    async def run() -> HostAnswer | None:
        stores = KvStores(SMALL)
        effects = Effects({"guest": ServiceEffects(kv=KvEffect(stores, tmp_path / "guest.kv"))})
        answer = await effects.answer(kv("add", "k", 1), 10, CallBudget(ends_at=0))
        await stores.close()
        return answer

    answer = asyncio.run(run())

    assert answer is not None
    assert answer.status == CallStatus.TIME


def test_quota_bomb__of_many_keys__is_an_error_each_time_and_bounded_on_disk(
    tmp_path: Path,
) -> None:
    bomb = [kv("put", f"key{n}", bytes(4_000)) for n in range(200)]

    answers = ask(tmp_path, *bomb, kv("get", "key0"))

    assert [answer.value for answer in answers[:2]] == ["", ""]
    assert {answer.value for answer in answers[2:-1]} == {"the store may have 10000 bytes"}
    assert answers[-1].value["found"] is True
    assert (tmp_path / "guest.kv").stat().st_size < 10_000


def test_metrics__of_what_guests_ask__count_outcomes_bytes_and_time(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    allowance = CallAllowance(calls=4)

    ask(
        tmp_path,
        kv("put", "k", bytes(500)),
        kv("get", "k"),
        kv("put", "k", bytes(9_000)),
        HostCall("guest", "x" * 1_000, "get", []),
        kv("get", "k"),
        allowance=allowance,
        metrics=EffectMetrics(registry),
    )

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"wasmarket_effector_{name}", labels)

    counts = [
        value("seconds_count", effector="kv", outcome=outcome)
        for outcome in ("answered", "failed", "refused")
    ]
    assert counts == [2, 1, 1]
    assert value("seconds_count", effector="unknown", outcome="broken") == 1
    assert value("bytes_total", effector="kv", direction="out") == 400
    moved = value("bytes_total", effector="kv", direction="in")
    assert moved is not None
    assert 500 <= moved < 1_000
    seconds = value("seconds_sum", effector="kv", outcome="answered")
    assert seconds is not None
    assert seconds > 0


def test_metrics__of_time_that_is_over__count_it(tmp_path: Path) -> None:
    registry = CollectorRegistry()

    async def run() -> None:
        stores = KvStores(SMALL)
        effects = Effects(
            {"guest": ServiceEffects(kv=KvEffect(stores, tmp_path / "guest.kv"))},
            metrics=EffectMetrics(registry),
        )
        await effects.answer(kv("add", "k", 1), 10, CallBudget(ends_at=0))
        await stores.close()

    asyncio.run(run())

    labels = {"effector": "kv", "outcome": "time"}
    assert registry.get_sample_value("wasmarket_effector_seconds_count", labels) == 1


def read_one(name: str) -> bytes:
    if name != "TOKEN":
        raise NotFound(f"the secret {name!r} is not set")
    return b"shh"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("TOKEN", {"error": "", "value": b"shh"}),
        ("UNSET", {"error": "the secret 'UNSET' is not set", "value": b""}),
        ("OTHER", {"error": "the app does not list the secret 'OTHER'", "value": b""}),
    ],
)
def test_secret__of_the_names_that_the_app_lists__is_given_and_no_other(name, answer):
    asked: list[str] = []

    def read(wanted: str) -> bytes:
        asked.append(wanted)
        return read_one(wanted)

    assert SecretEffect(("TOKEN", "UNSET"), read).do("get", [name]) == answer
    assert asked == [] if name == "OTHER" else [name]


@pytest.mark.parametrize(("function", "arguments"), [("list", []), ("get", []), ("get", [1])])
def test_secret__what_no_worker_asks__ends_it(function, arguments):
    call = HostCall("guest", "secret", function, arguments)

    async def run() -> HostAnswer | None:
        effects = Effects({"guest": ServiceEffects(secret=SecretEffect(("TOKEN",), read_one))})
        budget = effects.open_budget(asyncio.get_running_loop().time() + 5 + GRACE_SECONDS)
        return await effects.answer(call, 100, budget)

    assert asyncio.run(run()) is None

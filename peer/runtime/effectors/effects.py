"""The supervisor's side of effectors: check what a guest asks, count it, do it, answer.

What a guest can expect to go wrong (a host that does not answer, a full store) is a value it gets.
What it may not do at all, or not that often, ends its call. What no worker sends ends the worker.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from peer.runtime.effectors.http_effect import HttpEffect, HttpRequest
from peer.runtime.effectors.ipfs_effect import IpfsEffect
from peer.runtime.effectors.kv_effect import KvEffect
from peer.runtime.effectors.metrics import EffectMetrics
from peer.runtime.effectors.mounted import run_curl
from peer.runtime.effectors.programs import ProgramGate
from peer.runtime.effectors.secret_effect import SecretEffect
from peer.runtime.effectors.signatures import CURL, HTTP, IPFS, KV, PROGRAMS, SECRET
from peer.runtime.messages import HostAnswer, HostCall
from wasmarket.kernel.documents.receipts import CallStatus

GRACE_SECONDS: Final = 1.0
"""How long after a call's own time its worker is killed."""


@dataclass(frozen=True, slots=True)
class CallAllowance:
    """What one call may ask of effectors: how often, and bytes there and back."""

    calls: int = 1_000
    requests: int = 32
    moved_bytes: int = 64 << 20


@dataclass(slots=True)
class CallBudget:
    """What a call has asked so far; `ends_at` is the loop's time at which its own is over."""

    ends_at: float
    calls: int = 0
    requests: int = 0
    moved_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ServiceEffects:
    """What one service may do; None for what its app did not ask for."""

    http: HttpEffect | None = None
    ipfs: IpfsEffect | None = None
    kv: KvEffect | None = None
    programs: ProgramGate | None = None
    names: frozenset[str] = frozenset()
    """Programs that its app asked for."""
    secret: SecretEffect | None = None


class Effects:
    """Does the effects of one pool's services."""

    def __init__(
        self,
        services: dict[str, ServiceEffects],
        allowance: CallAllowance | None = None,
        metrics: EffectMetrics | None = None,
    ) -> None:
        self._services = services
        self._allowance = allowance or CallAllowance()
        self._metrics = metrics or EffectMetrics()

    def open_budget(self, killed_at: float) -> CallBudget:
        """Return what a call may still ask whose worker is killed at `killed_at`."""
        return CallBudget(killed_at - GRACE_SECONDS)

    async def answer(self, call: HostCall, size: int, budget: CallBudget) -> HostAnswer | None:
        """Return the answer, None for a request that no honest worker makes; `size` in bytes."""
        clock = asyncio.get_running_loop().time
        began, moved = clock(), budget.moved_bytes
        answer = await self._answer(call, size, budget)
        got = budget.moved_bytes - moved - size
        self._metrics.add(call.effector, clock() - began, answer, size, got)
        return answer

    async def _answer(self, call: HostCall, size: int, budget: CallBudget) -> HostAnswer | None:
        fault = self._count(call, size, budget)
        if fault is not None:
            return fault
        try:
            async with asyncio.timeout_at(budget.ends_at):
                value = await self._do(call, budget.ends_at)
        except TimeoutError:
            return HostAnswer(
                None, CallStatus.TIME, f"{_name(call)} took more than the time that the call has"
            )
        except (msgspec.ValidationError, LookupError):
            return None
        budget.moved_bytes += _measure(value)
        if budget.moved_bytes > self._allowance.moved_bytes:
            return self._refuse(f"moves more than {self._allowance.moved_bytes} bytes")
        return HostAnswer(value, CallStatus.ANSWERED, "")

    def _count(self, call: HostCall, size: int, budget: CallBudget) -> HostAnswer | None:
        allowed = self._allowance
        budget.calls += 1
        budget.moved_bytes += size
        if call.effector in (HTTP, PROGRAMS):
            budget.requests += 1
        if budget.calls > allowed.calls:
            return self._refuse(f"uses effectors more than {allowed.calls} times")
        if budget.requests > allowed.requests:
            return self._refuse(f"makes more than {allowed.requests} requests or runs")
        if budget.moved_bytes > allowed.moved_bytes:
            return self._refuse(f"moves more than {allowed.moved_bytes} bytes")
        return None

    def _refuse(self, what: str) -> HostAnswer:
        return HostAnswer(None, CallStatus.TRAP, f"the call {what} through effectors")

    async def _do(self, call: HostCall, ends_at: float) -> Any:
        """Return what the effector gives. Raises ValidationError, LookupError."""
        service = self._services[call.service]
        if call.effector == HTTP and service.http is not None:
            if call.function == CURL:
                (command,) = msgspec.convert(call.arguments, tuple[tuple[str, ...]])
                return await run_curl(service.http, command, ends_at)
            (request,) = msgspec.convert(call.arguments, tuple[HttpRequest])
            return await service.http.request(request, ends_at)
        if call.effector == PROGRAMS and service.programs and call.function in service.names:
            (command,) = msgspec.convert(call.arguments, tuple[tuple[str, ...]])
            return await service.programs.run(call.function, command, ends_at)
        if call.effector == IPFS and service.ipfs is not None:
            return await service.ipfs.do(call.function, call.arguments)
        if call.effector == KV and service.kv is not None:
            return await service.kv.do(call.function, call.arguments)
        if call.effector == SECRET and service.secret is not None:
            return service.secret.do(call.function, call.arguments)
        raise LookupError(call.effector)


def _measure(value: Any) -> int:
    """Return the bytes of text and data in a value, about."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(_measure(part) for part in value.values())
    if isinstance(value, list):
        return sum(_measure(part) for part in value)
    return 8


def _name(call: HostCall) -> str:
    return f"{call.effector}.{call.function}"

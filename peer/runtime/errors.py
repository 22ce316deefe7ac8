"""Errors of the runtime: what a guest did wrong, and modules that cannot be hosted."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from wasmarket.kernel.documents.receipts import CallStatus
from wasmarket.kernel.errors import LimitReached, MarketError, NotFound, Unreachable
from wasmarket.kernel.reasons import LeaveReason

MOST_NAMED: Final = 20
"""Functions or services that an error names."""


class GuestFault(MarketError):
    """Function failed"""

    slug = "guest-fault"
    kind: ClassVar[CallStatus] = CallStatus.TRAP
    usual_remedy: ClassVar[str] = "see what the function logged: `wasmarket logs DEAL`"
    module: str | None = None
    """Which module of the service it happened in, where that is said in the text."""

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        remedy: str | None = None,
        fuel: int = 0,
        duration_us: int = 0,
        logs: Sequence[str] = (),
    ) -> None:
        """Say what happened, and what the call used up to then."""
        super().__init__(detail, field=field, remedy=remedy or self.usual_remedy)
        self.fuel = fuel
        self.duration_us = duration_us
        self.logs = tuple(logs)


class GuestTrap(GuestFault):
    """Function trapped"""

    slug = "guest-trap"


class GuestTimeout(GuestFault):
    """Function timed out"""

    slug = "guest-time"
    kind = CallStatus.TIME
    usual_remedy = "do less in one call, or raise `call_ms` or `fuel` in the app's limits"


class GuestMemory(GuestFault):
    """Function out of memory"""

    slug = "guest-memory"
    kind = CallStatus.MEMORY
    usual_remedy = "raise the module's `memory_limit` and the service's `total_memory_limit`"


class GuestOutput(GuestFault):
    """Function output too large"""

    slug = "guest-output"
    kind = CallStatus.OUTPUT
    usual_remedy = "answer less, or raise `output_bytes` in the app's limits"


class CallRefused(GuestFault):
    """Invalid call"""

    slug = "call-refused"
    kind = CallStatus.REFUSED
    usual_remedy = "GET /v1/deals/{deal}/interface says what each function takes"


class InputTooLarge(CallRefused):
    """Content too large"""

    slug = "input-too-large"
    usual_remedy = "send less at once, or raise `input_bytes` in the app's limits"


FAULTS: dict[CallStatus, type[GuestFault]] = {
    fault.kind: fault for fault in (GuestTrap, GuestTimeout, GuestMemory, GuestOutput, CallRefused)
}


class ModuleError(MarketError):
    """Invalid module"""

    slug = "bad-module"
    reason: ClassVar[LeaveReason] = LeaveReason.BAD_MODULE


class EffectorRefused(ModuleError):
    """Capability not allowed"""

    slug = "effector-refused"
    reason = LeaveReason.EFFECTOR


class StartFailed(ModuleError):
    """Service failed to start"""

    slug = "start-failed"
    reason = LeaveReason.FAILED_TO_START


class FunctionNotFound(NotFound):
    """Function not found"""

    slug = "function-not-found"


class PoolBusy(LimitReached):
    """Too many requests"""

    slug = "pool-busy"


class NoWorker(Unreachable):
    """No worker available"""

    slug = "no-worker"


def list_known(names: Iterable[str]) -> str:
    """Say what there is instead of what was asked for."""
    known = sorted(names)
    more = ", …" if len(known) > MOST_NAMED else ""
    return f"there is {', '.join(known[:MOST_NAMED])}{more}"

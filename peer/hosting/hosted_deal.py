"""What a deal is on this peer: its version, its runs, and why it is not served."""

from collections.abc import Mapping
from enum import StrEnum

from peer.access import AccessFile
from peer.chain_state.view import Assignment, Deal, OnchainDealState, serving_until
from peer.documents.pauses import PauseFile
from peer.documents.secret_store import SecretStore
from peer.hosting.deal_context import DealContext
from peer.hosting.refusals import NotServing, Refusal
from peer.hosting.served_assignment import CallRequest, CallTally, Deliver, ServedAssignment
from peer.hosting.versions import Version
from peer.hosting.wanted import find_wanted
from peer.service_log import ServiceLog
from wasmarket.kernel.errors import MarketError, NotFound, RunwayOver
from wasmarket.kernel.units import Hash


class CreditUsed(RunwayOver):
    """Credit used up"""

    slug = "credit-used"


class HostState(StrEnum):
    """What a deal is on this peer."""

    STARTING = "starting"
    SERVING = "serving"
    FAILED = "failed"
    SUSPENDED = "suspended"
    ENDED = "ended"


class HostedDeal:
    """A deal as its callers and its developer see it; its host changes it."""

    def __init__(
        self,
        deal: Deal,
        access: AccessFile,
        pauses: PauseFile,
        secrets: SecretStore,
        log: ServiceLog,
        context: DealContext,
    ) -> None:
        self.deal = deal
        self.access = access
        self.pauses = pauses
        self.secrets = secrets
        self.tally = CallTally(log)
        self.version: Version | None = None
        self.updating: Hash | None = None
        self.failed_update: tuple[Hash, Refusal] | None = None
        """The version that the chain names and why the last try failed, until one succeeds."""
        self.refused: dict[int, Refusal] = {}
        self.last_refusal: Refusal | None = None
        """Why an assignment was given back last, also after the chain has forgotten it."""
        self.problem: Refusal | None = None
        self.assignments: Mapping[int, Assignment] = {}
        self.runs: dict[int, ServedAssignment] = {}
        self._context = context

    @property
    def credit(self) -> int:
        """Return what a metered assignment may owe: what the app asks for, at most the policy's."""
        granted = self._context.policy.current.metered.credit
        asked = None if self.version is None else self.version.manifest.limits.credit
        return granted if asked is None else min(asked, granted)

    def state(self) -> HostState:
        """Return what the deal is on this peer now."""
        epoch = self._context.now_epoch()
        if any(run.serving_until >= epoch for run in self.runs.values()):
            return HostState.SERVING
        if self._wanted():
            return HostState.FAILED if self.problem or self.refused else HostState.STARTING
        over = (OnchainDealState.LAPSED, OnchainDealState.STOPPING, OnchainDealState.ENDED)
        return HostState.SUSPENDED if self.deal.status in over else HostState.ENDED

    def pick(self) -> ServedAssignment:
        """Return the run that takes the next call: the least busy one.

        Raises RunwayOver, CreditUsed, NotFound (no part of the deal any more), Unreachable
        (starting).
        """
        epoch = self._context.now_epoch()
        best: ServedAssignment | None = None
        for run in self.runs.values():
            if (
                run.serving_until >= epoch
                and (run.work_limit is None or run.has_credit)
                and (best is None or run.load < best.load)
            ):
                best = run
        if best is not None:
            return best
        raise self._absence()

    def failure(self) -> str:
        """Return why the deal is not served here, empty if nothing failed."""
        reasons = [self.problem] if self.problem else list(self.refused.values())
        if not reasons and not self.runs and not self._wanted() and self.last_refusal:
            reasons = [self.last_refusal]
        return "; ".join(dict.fromkeys(why.detail for why in reasons))

    def submit(self, run: ServedAssignment, request: CallRequest, deliver: Deliver) -> None:
        """Run a call on `run`, which `pick` chose, and write its receipt."""
        run.submit(request, self._context.book, self.tally, deliver)

    def ready(self) -> set[int]:
        """Return the assignments that have workers."""
        return set(self.runs)

    def _wanted(self) -> dict[int, Assignment]:
        return find_wanted(self.assignments, self.deal, self._context.now_epoch())

    def _serving_until(self, assignment: int) -> int:
        held = self.assignments.get(assignment)
        return -1 if held is None else serving_until(held, self.deal)

    def _absence(self) -> MarketError:
        """Return the error that says why no run can take a call."""
        deal = self.deal.id
        if self.deal.is_metered and self.state() == HostState.SERVING:
            return CreditUsed(
                f"deal {deal} owes this peer as much as its policy lets it",
                remedy="have its meter sign (`wasmarket meter run`), and keep money in the deal",
            )
        match self.state():
            case HostState.SUSPENDED:
                return RunwayOver(
                    f"nothing pays for deal {deal} any more",
                    remedy="top it up before its runway is over; afterwards it needs a new match",
                )
            case HostState.ENDED:
                return NotFound(f"this peer has no part in deal {deal} any more")
            case HostState.FAILED:
                return NotServing(f"deal {deal} does not start: {self.failure()}")
            case _:
                return NotServing(f"deal {deal} is starting", remedy="try in a moment")

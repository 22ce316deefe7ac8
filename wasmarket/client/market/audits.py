"""Hold peers to what they committed, from a program."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wasmarket.client.market.amounts import FLT_DECIMALS, to_decimal
from wasmarket.client.service import ServiceClient
from wasmarket.client.usage.audit_fees import send_paying
from wasmarket.client.wiring import Wiring
from wasmarket.kernel import events
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.events.audits import CaseOutcome
from wasmarket.kernel.units import Address, Hash

if TYPE_CHECKING:
    from wasmarket.chain.sending.transactions import ContractCall, TransactionReceipt


@dataclass(frozen=True, slots=True)
class AuditCase:
    """An ask or an accusation; `outcome` is None while it is open, `seized` is FLT.

    `votes`: what each juror showed, by place; None: voted, not shown yet. Read with one case alone.
    """

    case: int
    kind: str
    state: str
    outcome: str | None
    assignment: int
    epoch: int
    sequence: int
    by: Address
    seized: Decimal
    votes: dict[int, Hash | None]


class Auditor:
    """Asks and cases as one account sees them. Raises the errors of `wasmarket.errors`.

    What needs a peer's papers (accusations, contradictions) is done by `wasmarket audit`.
    """

    def __init__(self, wiring: Wiring, key: str | None = None) -> None:
        """`key` names the account [that of the connection]."""
        self._wiring = wiring
        self._key = key

    @cached_property
    def _matcher(self) -> ServiceClient:
        return ServiceClient("matcher", self._wiring.client.matcher, self._wiring.http)

    def ask(self, *, assignment: int, epoch: int, sequence: int) -> int:
        """Ask the peer of an assignment to prove a receipt on chain; return the case.

        Costs the market's ask fee, which a peer that answers gets. One that does not within three
        epochs is convicted by `resolve`. Raises Refused without so much FLT.
        """
        fee = self._wiring.deployment.parameters.ask_fee
        call = self._wiring.audits.call("ask", assignment, epoch, sequence)
        receipt = send_paying(self._wiring, self._wiring.account(self._key), call, fee)
        [opened] = receipt.find(events.Opened)
        return int(opened.case)

    def draw(self, *, case: int) -> bool:
        """Draw the jury of an accusation; return whether there is one: without, it is void."""
        return bool(self._send(self._wiring.audits.call("draw", case)).find(events.Drawn))

    def resolve(self, *, case: int) -> str | None:
        """End the phase of a case whose time is over; return how it is closed, None: not yet.

        Raises Reverted while it is too soon.
        """
        closed = self._send(self._wiring.audits.call("resolve", case)).find(events.Closed)
        return CaseOutcome(closed[0].outcome).name.lower() if closed else None

    def case(self, *, case: int) -> AuditCase:
        """Return a case with its votes, as the matcher has indexed it. Raises NotFound."""
        answer = self._matcher.get(f"/v1/cases/{case}")
        votes = {row["place"]: row["vote"] for row in answer["votes"]}
        return _read_case(answer["case"], votes)

    def cases(self, *, assignment: int | None = None, by: str | None = None) -> list[AuditCase]:
        """Return cases by number: all, about an assignment, or opened by an account."""
        opened_by = None if by is None else parse_address(by, field="by")
        wanted = {"assignment": assignment, "by": opened_by}
        known = {name: value for name, value in wanted.items() if value is not None}
        return [_read_case(row, {}) for row in self._matcher.items("/v1/cases", known)]

    def free(self) -> Decimal:
        """Return the account's FLT in Audits: fees, shares and stakes that came back."""
        address = self._wiring.address(self._key)
        return to_decimal(self._wiring.audits.free(address), FLT_DECIMALS)

    def withdraw(self, *, to: str | None = None) -> Decimal:
        """Send all free FLT in Audits to an address [the account's]; return how much it was."""
        address = self._wiring.address(self._key)
        amount = self._wiring.audits.free(address)
        if amount:
            target = address if to is None else parse_address(to, field="to")
            self._send(self._wiring.audits.call("withdraw", amount, target))
        return to_decimal(amount, FLT_DECIMALS)

    def _send(self, call: "ContractCall") -> "TransactionReceipt":
        return self._wiring.sender(self._wiring.account(self._key)).send(call)


def _read_case(row: dict[str, Any], votes: dict[int, Hash | None]) -> AuditCase:
    return AuditCase(
        int(row["id"]),
        row["kind"],
        row["state"],
        row["outcome"],
        int(row["assignment"]),
        int(row["epoch"]),
        int(row["sequence"]),
        Address(row["by"]),
        to_decimal(int(row["seized"] or 0), FLT_DECIMALS),
        votes,
    )

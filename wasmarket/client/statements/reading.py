"""Read a statement: what happened the matcher's index tells, that it did the chain must confirm.

Each amount is compared with the log of the transaction that it names, each time with its block's;
what an account paid for gas is in its transactions' receipts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.blocks import BlockRef, Log, RawLog
from wasmarket.client.service import ServiceClient
from wasmarket.client.statements.statement import (
    COINS,
    FLT,
    USDC,
    LineKind,
    Month,
    Side,
    Statement,
    StatementLine,
    sort_lines,
)
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import BadContent, InvalidInput, Unreachable
from wasmarket.kernel.events import (
    Claimed,
    DealBalance,
    DealCreated,
    Ended,
    Event,
    Matched,
    Redeemed,
    Stopped,
    Withdrawn,
)
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.units import Address, BlockNumber

PAGE = 1_000
CHANGES = {
    "created": LineKind.DEPOSIT,
    "matched": LineKind.TIP,
    "topped_up": LineKind.TOP_UP,
    "taken": LineKind.TAKEN,
    "stopped": LineKind.RETURNED,
}
"""Kinds of changes that move money."""
WALLETS = "PeerRegistered,PeerWallet"

Confirm = Callable[[Event], bool]


class _Receipt(msgspec.Struct, rename="camel"):
    transaction_hash: str
    block_number: str
    block_hash: str
    gas_used: str
    effective_gas_price: str
    logs: list[RawLog]
    sender: str = msgspec.field(name="from")


@dataclass(frozen=True, slots=True)
class _Claim:
    """A line that the index tells, and what the log that it names must say."""

    line: StatementLine
    confirm: Confirm


class StatementReader:
    """Reads statements of one market."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._matcher = ServiceClient("matcher", wiring.client.matcher, wiring.http)

    def read(self, side: Side, account: Address, month: Month) -> Statement:
        """Return a month of an account; one that is not over as far as it has come.

        Raises InvalidInput (a month that has not begun), BadContent (index and chain differ),
        Unreachable, TimedOut.
        """
        now = self._wiring.clock.refresh()
        if now < month.begin:
            raise InvalidInput(f"{month.name} has not begun", field="month")
        block = self._matcher.get("/v1/statistics")["block"]
        if side is Side.DEVELOPER:
            told = [*self._tell_developer(account, month)]
            payers, seen = {account}, self._find_developers_events(account, month)
        else:
            told = [*self._tell_provider(account, month)]
            payers, seen = self._find_providers_events(account, month)
        receipts = self._fetch_receipts({one.line.tx for one in told} | seen)
        blocks = self._fetch_blocks(receipts.values())
        self._confirm(told, receipts, blocks)
        _check_gaps(one.line for one in told)
        lines = [one.line for one in told if one.line.amount]
        lines += _tell_gas(receipts, blocks, payers, month)
        return Statement(
            side,
            account,
            month,
            self._wiring.deployment.chain_id,
            block,
            now >= month.end,
            sort_lines(lines),
        )

    def _tell_developer(self, account: Address, month: Month) -> Iterator[_Claim]:
        for row in self._rows("/v1/deal-changes", {"developer": account}, month):
            kind = CHANGES.get(row["kind"])
            if kind is not None:
                line = _line(row, kind, USDC, int(row["amount"]), deal=row["deal"])
                yield _Claim(line, _confirm_change(row))
        for claim in self._rows("/v1/claims", {"developer": account}, month):
            yield _tell_claim(claim, LineKind.PAID, "paid")
            yield _tell_claim(claim, LineKind.REFUNDED, "refunded")
        for voucher in self._rows("/v1/redemptions", {"developer": account}, month):
            yield _tell_voucher(voucher, LineKind.PAID)

    def _tell_provider(self, account: Address, month: Month) -> Iterator[_Claim]:
        for claim in self._rows("/v1/claims", {"provider": account}, month):
            yield _tell_claim(claim, LineKind.EARNED, "paid")
        for voucher in self._rows("/v1/redemptions", {"provider": account}, month):
            yield _tell_voucher(voucher, LineKind.EARNED)
        for event in self._history({"account": account, "names": "Withdrawn"}, month):
            amount = int(event["data"]["amount"])
            yield _Claim(
                _event_line(event, LineKind.WITHDRAWN, USDC, amount),
                _confirm_withdrawal(account, amount),
            )
        fee = self._wiring.deployment.parameters.fault_fee
        for peer in self._peers(account):
            units = self._units_of(peer)
            for event in self._history({"peer": peer, "names": "Ended"}, month):
                data = event["data"]
                if int(data["kind"]) == EndKind.EVICTED:
                    line = _event_line(
                        event, LineKind.FEE, FLT, fee * units.get(int(event["assignment"]), 0)
                    )
                    yield _Claim(line, _confirm_eviction(int(event["assignment"])))

    def _units_of(self, peer: int) -> dict[int, int]:
        rows = self._matcher.items("/v1/assignments", {"peer": peer, "limit": PAGE})
        return {int(row["id"]): int(row["units"]) for row in rows}

    def _peers(self, account: Address) -> list[int]:
        rows = self._matcher.items("/v1/peers", {"provider": account, "limit": PAGE})
        return [int(row["id"]) for row in rows]

    def _find_developers_events(self, account: Address, month: Month) -> set[str]:
        """Return transactions in which an account or its deals had a part."""
        found = {event["tx"] for event in self._history({"account": account}, month)}
        deals = self._rows("/v1/deal-changes", {"developer": account}, month)
        return found | {row["tx"] for row in deals}

    def _find_providers_events(
        self, account: Address, month: Month
    ) -> tuple[set[Address], set[str]]:
        """Return the account with its peers' wallets, and transactions in which they had a part."""
        payers = {account}
        seen = {event["tx"] for event in self._history({"account": account}, month)}
        for peer in self._peers(account):
            seen |= {event["tx"] for event in self._history({"peer": peer}, month)}
            named = self._matcher.items("/v1/history", {"peer": peer, "names": WALLETS})
            payers |= {Address(event["data"]["wallet"]) for event in named}
        return payers, seen

    def _rows(self, path: str, asked: dict[str, Any], month: Month) -> Iterator[dict[str, Any]]:
        for row in self._matcher.items(path, {**asked, "since": month.begin, "limit": PAGE}):
            if row["at"] < month.end:
                yield row

    def _history(self, asked: dict[str, Any], month: Month) -> Iterator[dict[str, Any]]:
        """Yield events of a month, the newest first."""
        for event in self._matcher.items("/v1/history", {**asked, "limit": PAGE}):
            if event["timestamp"] < month.begin:
                return
            if event["timestamp"] < month.end:
                yield event

    def _fetch_receipts(self, hashes: set[str]) -> dict[str, _Receipt]:
        wanted = sorted(hashes)
        asked = [("eth_getTransactionReceipt", [tx]) for tx in wanted]
        found: dict[str, _Receipt] = {}
        for tx, answer in zip(wanted, self._wiring.rpc.batch(asked, _Receipt | None), strict=True):
            if not isinstance(answer, _Receipt):
                raise Unreachable(
                    f"the node knows no receipt of transaction {tx}",
                    field="chain.rpc",
                    remedy="name a node that keeps receipts that old, or wait until the index and"
                    " the node are at one block",
                )
            found[tx] = answer
        return found

    def _fetch_blocks(self, receipts: Iterable[_Receipt]) -> list[BlockRef]:
        numbers = sorted({int(one.block_number, 16) for one in receipts})
        headers = self._wiring.rpc.fetch_headers([BlockNumber(number) for number in numbers])
        return [header for header in headers if header is not None]

    def _confirm(
        self,
        told: Sequence[_Claim],
        receipts: dict[str, _Receipt],
        blocks: Sequence[BlockRef],
    ) -> None:
        """Compare each line with its log and its block's time. Raises BadContent."""
        logs = self._decode(receipts.values(), blocks)
        for one in told:
            line = one.line
            log = logs.get((line.tx, line.log_index))
            if log is None or log.timestamp != line.timestamp or not one.confirm(log.event):
                raise BadContent(
                    f"the index says {line.written} {line.token} ({line.kind}) in transaction"
                    f" {line.tx}, the chain does not",
                    remedy="`wasmarket indexer verify` compares the whole index with the chain",
                )

    def _decode(
        self, receipts: Iterable[_Receipt], blocks: Sequence[BlockRef]
    ) -> dict[tuple[str, int], Log[Event]]:
        times = {str(ref.hash): ref.timestamp for ref in blocks}
        decoder = Decoder(self._wiring.deployment)
        logs = [log for one in receipts if one.block_hash in times for log in one.logs]
        return {(log.tx_hash, log.log_index): log for log in decoder.decode_all(logs, times)}


def _tell_gas(
    receipts: dict[str, _Receipt],
    blocks: Sequence[BlockRef],
    payers: set[Address],
    month: Month,
) -> Iterator[StatementLine]:
    times = {ref.number: ref.timestamp for ref in blocks}
    own = {payer.lower() for payer in payers}
    for tx, one in receipts.items():
        number = BlockNumber(int(one.block_number, 16))
        if one.sender.lower() in own and month.begin <= times.get(number, -1) < month.end:
            cost = int(one.gas_used, 16) * int(one.effective_gas_price, 16)
            last = max((log.index for log in one.logs), default=0)
            yield StatementLine(times[number], LineKind.GAS, COINS, cost, tx, number, last)


def _check_gaps(lines: Iterable[StatementLine]) -> None:
    """Claims of an assignment follow one another: one that is left out is missed. Raises
    BadContent."""
    last: dict[int | None, int] = {}
    claimed = {(one.assignment, one.epochs) for one in lines if one.epochs}
    spans = sorted(
        (assignment or 0, *map(int, epochs.split("-"))) for assignment, epochs in claimed
    )
    for assignment, first, end in spans:
        if last.get(assignment, first - 1) != first - 1:
            raise BadContent(
                f"the index has no claim of assignment {assignment} for epochs"
                f" {last[assignment] + 1} to {first - 1}",
                remedy="`wasmarket indexer verify` compares the whole index with the chain",
            )
        last[assignment] = end


def _line(
    row: dict[str, Any], kind: LineKind, token: str, amount: int, **about: Any
) -> StatementLine:
    return StatementLine(
        row["at"], kind, token, amount, row["tx"], row["in_block"], row["log_index"], **about
    )


def _event_line(event: dict[str, Any], kind: LineKind, token: str, amount: int) -> StatementLine:
    return StatementLine(
        event["timestamp"],
        kind,
        token,
        amount,
        event["tx"],
        event["block"],
        event["log_index"],
        event["deal"],
        event["assignment"],
        event["peer"],
    )


def _tell_claim(row: dict[str, Any], kind: LineKind, part: str) -> _Claim:
    epochs = f"{row['first']}-{row['last']}"
    line = _line(
        row,
        kind,
        USDC,
        int(row[part]),
        deal=row["deal"],
        assignment=row["assignment"],
        epochs=epochs,
    )
    wanted = (row["assignment"], row["last"], int(row["paid"]), int(row["refunded"]))

    def confirm(event: Event) -> bool:
        return isinstance(event, Claimed) and wanted == (
            event.assignment,
            event.last,
            event.paid,
            event.refunded,
        )

    return _Claim(line, confirm)


def _tell_voucher(row: dict[str, Any], kind: LineKind) -> _Claim:
    line = _line(row, kind, USDC, int(row["paid"]), deal=row["deal"], assignment=row["assignment"])
    wanted = (row["assignment"], int(row["work"]), int(row["paid"]))

    def confirm(event: Event) -> bool:
        return isinstance(event, Redeemed) and wanted == (event.assignment, event.work, event.paid)

    return _Claim(line, confirm)


def _confirm_change(row: dict[str, Any]) -> Confirm:
    deal, amount, balance = row["deal"], int(row["amount"]), int(row["balance"])

    def confirm(event: Event) -> bool:
        match event:
            case DealCreated():
                return (event.deal, event.deposit) == (deal, amount)
            case Matched():
                return (event.deal, event.tip) == (deal, amount)
            case Stopped():
                return (event.deal, event.returned) == (deal, amount)
            case DealBalance():
                return (event.deal, event.balance) == (deal, balance)
        return False

    return confirm


def _confirm_withdrawal(account: Address, amount: int) -> Confirm:
    def confirm(event: Event) -> bool:
        return isinstance(event, Withdrawn) and (event.account, event.amount) == (account, amount)

    return confirm


def _confirm_eviction(assignment: int) -> Confirm:
    def confirm(event: Event) -> bool:
        is_eviction = isinstance(event, Ended) and event.kind == EndKind.EVICTED
        return is_eviction and isinstance(event, Ended) and event.assignment == assignment

    return confirm

"""Ask the peers of a deal what they ran in the last epochs, by summary and by receipt."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from wasmarket.client.service import ServiceClient
from wasmarket.kernel.documents.receipts import (
    Receipt,
    Summary,
    call_work,
    unpack_receipt,
    unpack_summary,
)
from wasmarket.kernel.errors import BadContent, InvalidInput, NotFound, TimedOut, Unreachable

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class EpochUsage:
    """What a peer committed for one assignment and epoch; `root` is what its summary leads to."""

    epoch: int
    peer: int
    assignment: int
    calls: int
    fuel: int
    work: int
    root: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {"fuel": str(self.fuel), "work": str(self.work)}


@dataclass(frozen=True, slots=True)
class FunctionUsage:
    """What one function was called for; `function` is the receipts' digest of its name."""

    function: str
    calls: int
    work: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {"work": str(self.work)}


def fetch_epoch_usage(
    gateway: ServiceClient, deal: int, peers: Sequence[int], epochs: Iterable[int]
) -> Iterator[EpochUsage]:
    """Yield what peers say of closed epochs; a peer that does not answer says nothing.

    Nothing is proven by it: who pays by it compares it with the roots on chain first.
    """
    for epoch in epochs:
        for peer in sorted(set(peers)):
            try:
                page = _fetch(gateway, deal, peer, epoch, {"limit": 1})
            except (NotFound, Unreachable, TimedOut):
                continue
            for entry in page["summaries"]:
                summary = _read_summary(entry)
                yield EpochUsage(
                    epoch=epoch,
                    peer=peer,
                    assignment=summary.assignment,
                    calls=summary.count,
                    fuel=summary.fuel,
                    work=summary.work,
                    root=str(page["root"]),
                )


def fetch_function_usage(
    gateway: ServiceClient, deal: int, said: Iterable[EpochUsage]
) -> list[FunctionUsage]:
    """Return what the receipts of these epochs add up to by function, the dearest first."""
    calls: dict[str, int] = {}
    work: dict[str, int] = {}
    for peer, epoch in sorted({(one.peer, one.epoch) for one in said if one.calls}):
        for receipt in fetch_receipts(gateway, deal, peer, epoch):
            name = receipt.function.hex()
            calls[name] = calls.get(name, 0) + 1
            done = call_work(receipt.status, receipt.fuel, receipt.size)
            work[name] = work.get(name, 0) + done
    found = [FunctionUsage(name, calls[name], work[name]) for name in calls]
    return sorted(found, key=lambda one: (-one.work, one.function))


def fetch_receipts(gateway: ServiceClient, deal: int, peer: int, epoch: int) -> Iterator[Receipt]:
    """Yield a peer's receipts of an epoch in order of assignment and sequence."""
    cursor: str | None = None
    while True:
        page = _fetch(gateway, deal, peer, epoch, {"limit": PAGE, "cursor": cursor})
        for item in page["items"]:
            yield unpack_receipt(_bytes(item["packed"]))
        cursor = page["next"]
        if cursor is None:
            return


def _fetch(
    gateway: ServiceClient, deal: int, peer: int, epoch: int, params: dict[str, Any]
) -> dict[str, Any]:
    answer: dict[str, Any] = gateway.send(
        "GET",
        f"/v1/deals/{deal}/receipts/{epoch}",
        params=params,
        headers={"Wasmarket-Peer": str(peer)},
    ).json()
    return answer


def _read_summary(entry: dict[str, Any]) -> Summary:
    try:
        return unpack_summary(_bytes(entry["packed"]))
    except (KeyError, TypeError, InvalidInput) as error:
        raise BadContent(f"the peer's summary cannot be read: {error}") from error


def _bytes(text: object) -> bytes:
    try:
        return bytes.fromhex(str(text).removeprefix("0x"))
    except ValueError as error:
        raise BadContent("the peer's answer is not in hex") from error

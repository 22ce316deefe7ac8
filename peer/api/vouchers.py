"""What a metered deal owes here, and vouchers that its meter signed."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from peer.api.numbers import DealNumber
from peer.hosting.host import Host
from peer.hosting.hosted_deal import HostedDeal
from peer.receipts.receipt_log import ReceiptLog
from peer.vouchers.book import VoucherBook
from wasmarket.kernel.billing import due
from wasmarket.kernel.errors import Conflict, NotFound
from wasmarket.kernel.signing.usage import dump_voucher, parse_voucher
from wasmarket.serving.amounts import Uint

MOST_AT_ONCE = 64
Line = Annotated[str, Field(max_length=300, description="assignment:work:signature")]


class VouchersPosted(BaseModel):
    """Vouchers as `Wasmarket-Usage` writes them."""

    vouchers: list[Line] = Field(min_length=1, max_length=MOST_AT_ONCE)


class UsageView(BaseModel):
    """Work of one assignment, and its money: all that was `done`, `signed` for and `paid`.

    `owed` is what was done and is not paid yet, `credit` how much that may be; USDC base units.
    """

    assignment: int
    price: Uint
    done: Uint
    signed: Uint
    paid: Uint
    owed: Uint
    credit: Uint
    voucher: str | None


class UsageList(BaseModel):
    """A deal's assignments here."""

    deal: int
    items: list[UsageView]


def create_voucher_router(host: Host, book: ReceiptLog, vouchers: VoucherBook) -> APIRouter:
    """Return the routes for usage; anybody may read them, receipts say the same."""
    router = APIRouter(prefix="/v1/deals/{deal}/vouchers", tags=["vouchers"])

    @router.get("")
    def read_usage(deal: DealNumber) -> UsageList:
        """What each assignment of the deal did, and what of it is signed for and paid."""
        return _view(host.find(deal), book, vouchers)

    @router.post("")
    def take(deal: DealNumber, posted: VouchersPosted) -> UsageList:
        """Keep vouchers, on the disk when this answers; the first that cannot be is said."""
        hosted = host.find(deal)
        take_vouchers(hosted, vouchers, posted.vouchers)
        return _view(hosted, book, vouchers)

    return router


def take_vouchers(hosted: HostedDeal, vouchers: VoucherBook, lines: Sequence[str]) -> None:
    """Keep a deal's vouchers.

    Raises InvalidInput, InvalidSignature, Forbidden, NotFound (not an assignment of the deal here),
    Conflict (not metered).
    """
    if not hosted.deal.is_metered:
        raise Conflict(f"deal {hosted.deal.id} pays for time, not for usage", field="usage")
    for line in lines:
        voucher = parse_voucher(line)
        if voucher.usage.assignment not in hosted.assignments:
            raise NotFound(
                f"deal {hosted.deal.id} has no assignment {voucher.usage.assignment} here",
                field="usage",
                remedy="send a voucher to the peer that has its assignment",
            )
        vouchers.accept(voucher, hosted.deal.meter)


def _view(hosted: HostedDeal, book: ReceiptLog, vouchers: VoucherBook) -> UsageList:
    done = {chain.assignment: chain.work_done for chain in book.chains()}
    items = []
    for number, held in sorted(hosted.assignments.items()):
        if hosted.deal.is_metered:
            work, voucher = done.get(number, 0), vouchers.find(number)
            items.append(
                UsageView(
                    assignment=number,
                    price=held.price,
                    done=work,
                    signed=vouchers.work_of(number),
                    paid=held.paid,
                    owed=max(0, due(work, held.price) - held.paid),
                    credit=hosted.credit,
                    voucher=None if voucher is None else dump_voucher(voucher),
                )
            )
    return UsageList(deal=hosted.deal.id, items=items)

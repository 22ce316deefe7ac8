"""What the meter tells of usage, and heads that callers were given."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from meter.heads import HeadIntake
from meter.journal import Journal
from meter.process import Metering
from meter.seen import CallSeen, SeenCalls
from meter.vouchers import VoucherClerk
from wasmarket.kernel.billing import due
from wasmarket.kernel.signing.usage import dump_voucher
from wasmarket.serving.amounts import Uint


class MeteredView(BaseModel):
    """One assignment: the work found to be true, signed for and delivered, and what it costs."""

    deal: int
    assignment: int
    peer: int
    price: Uint
    checked: int
    """The newest epoch that is done with; -1: none."""
    work: Uint
    signed: Uint
    delivered: Uint
    due: Uint
    voucher: str | None
    problems: dict[int, str]


class MeteredList(BaseModel):
    """All assignments that this meter sees to."""

    items: list[MeteredView]
    block: int


class JournalView(BaseModel):
    """The newest lines of the journal, oldest first."""

    items: list[dict[str, Any]]


class HeadsPosted(BaseModel):
    """Heads as `Wasmarket-Head` writes them."""

    heads: list[Annotated[str, Field(max_length=400)]] = Field(min_length=1, max_length=64)


class CallPosted(BaseModel):
    """A call: the answer's `Wasmarket-Receipt`, and the input in base64."""

    receipt: Annotated[str, Field(max_length=100)]
    input: Annotated[str, Field(max_length=16 << 20)] = ""


class CallsPosted(BaseModel):
    """What callers saw."""

    calls: list[CallPosted] = Field(min_length=1, max_length=64)


class CallsTaken(BaseModel):
    """How many calls were new."""

    kept: int


class HeadsTaken(BaseModel):
    """How many heads were kept with their receipts."""

    kept: int


def create_usage_router(
    metering: Metering, journal: Journal, clerk: VoucherClerk | None, block: Callable[[], int]
) -> APIRouter:
    """Return the route that anybody may read: the chain and the peers tell the same."""
    router = APIRouter(prefix="/v1", tags=["meter"])

    @router.get("/usage")
    def read_usage(deal: Annotated[int | None, Query(ge=1)] = None) -> MeteredList:
        """What each assignment did, by what was checked."""
        items = []
        for held in sorted(metering.find_concerned(metering.facts), key=lambda held: held.id):
            if deal in (None, held.deal):
                book = journal.book(held.id)
                voucher = None if clerk is None else clerk.voucher(held.id)
                items.append(
                    MeteredView(
                        deal=held.deal,
                        assignment=held.id,
                        peer=held.peer,
                        price=held.price,
                        checked=book.checked,
                        work=book.work,
                        signed=book.signed,
                        delivered=book.delivered,
                        due=due(book.signed, held.price),
                        voucher=None if voucher is None else dump_voucher(voucher),
                        problems=dict(book.problems),
                    )
                )
        return MeteredList(items=items, block=block())

    return router


def create_intake_router(journal: Journal, heads: HeadIntake, seen: SeenCalls) -> APIRouter:
    """Return the routes for the developer alone: what is posted there is believed."""
    router = APIRouter(prefix="/v1", tags=["meter"])

    @router.get("/journal")
    def read_journal(limit: Annotated[int, Query(ge=1, le=10_000)] = 100) -> JournalView:
        """What was found and done."""
        return JournalView(items=list(journal.read())[-limit:])

    @router.post("/heads")
    def take_heads(posted: HeadsPosted) -> HeadsTaken:
        """Keep what a peer's wallet signed for a call, with its receipt as the peer has it now."""
        return HeadsTaken(kept=heads.take(posted.heads))

    @router.post("/calls")
    def take_calls(posted: CallsPosted) -> CallsTaken:
        """Keep what callers saw, to be compared with what is committed."""
        kept = [seen.take(CallSeen(call.receipt, call.input)) for call in posted.calls]
        return CallsTaken(kept=sum(kept))

    return router

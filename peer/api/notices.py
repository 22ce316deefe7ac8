"""Take hints about new work; the chain alone says what it is."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, Field

from peer.hosting.host import Host
from peer.hosting.sources import MAX_SOURCES

Source = Annotated[str, Field(max_length=512, pattern=r"^https?://[!-~]+$")]


def refuse_truth(value: object) -> object:
    """Return the value unless it is true or false, which Python takes for numbers."""
    if isinstance(value, bool):
        raise ValueError("give a whole number")
    return value


Whole = Annotated[int, BeforeValidator(refuse_truth)]
Number = Annotated[int, Field(ge=1, lt=2**32), BeforeValidator(refuse_truth)]


class Notice(BaseModel):
    """A match as a matcher reports it; `sources` are URLs that have the app's blocks."""

    deal: Number
    assignment: Number
    block: Whole = 0
    tx: str = Field(default="", max_length=66)
    sources: list[Source] = Field(default=[], max_length=MAX_SOURCES)


class NoticeTaken(BaseModel):
    """That a notice was read."""

    ok: bool = True


def create_notice_router(host: Host, wake: Callable[[], None]) -> APIRouter:
    """Return the route for notices; `wake` makes the listener look at the chain."""
    router = APIRouter(tags=["notices"])

    @router.post("/v1/notices", status_code=202)
    async def take_notice(notice: Notice) -> NoticeTaken:
        """Look at the chain now, and at these sources for the deal's content."""
        host.hints.add(notice.deal, notice.sources)
        if notice.deal in host.deals:
            host.deals[notice.deal].poke()
        wake()
        return NoticeTaken()

    return router

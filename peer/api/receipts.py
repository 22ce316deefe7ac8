"""Receipts of an epoch with the proofs that lead to the committed root."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel

from peer.api.numbers import DealNumber, EpochNumber, Sequence
from peer.duties.commitments import Commitment, Commitments
from peer.hosting.host import Host
from peer.receipts.chain_file import ReceiptChain
from peer.receipts.proofs import ReceiptTrees
from peer.receipts.receipt_log import ReceiptLog
from wasmarket.kernel.documents.receipts import (
    Receipt,
    Summary,
    pack_summary,
    receipt_hash,
    unpack_receipt,
)
from wasmarket.kernel.errors import Conflict, NotFound
from wasmarket.serving.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, encode_cursor

MOST_PACKED = 4_096
OCTETS = "application/octet-stream"
PACKED: dict[int | str, dict[str, Any]] = {
    200: {"description": "416 bytes a receipt", "content": {OCTETS: {}}}
}


class SummaryView(BaseModel):
    """An assignment's summary and its place in the tree under the epoch's root."""

    packed: str
    index: int
    size: int
    proof: list[str]
    summary: dict[str, Any]


class ReceiptItem(BaseModel):
    """A packed receipt; `hash` is what the next one names as `previous`."""

    assignment: int
    sequence: int
    hash: str
    packed: str


class ReceiptEpochView(BaseModel):
    """Receipts of a deal in an epoch; `root` is null while the epoch is open."""

    peer: int
    epoch: int
    root: str | None
    summaries: list[SummaryView]
    items: list[ReceiptItem]
    next: str | None
    block: int


class ReceiptView(BaseModel):
    """One receipt and its way to the root: `proof` to `summary.receipts_root`, then the
    summary's. While the epoch is open there is no tree: `size` 0, no proof, no summary.
    """

    root: str | None
    receipt: dict[str, Any]
    packed: str
    index: int
    size: int
    proof: list[str]
    summary: SummaryView | None


def create_receipt_router(host: Host, book: ReceiptLog, commitments: Commitments) -> APIRouter:
    """Return the routes that prove calls; receipts hold hashes only, so anybody may read them."""
    router = APIRouter(prefix="/v1/deals/{deal}/receipts/{epoch}", tags=["receipts"])
    trees = ReceiptTrees()

    @router.get("")
    def read_epoch(
        deal: DealNumber, epoch: EpochNumber, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> ReceiptEpochView:
        """The deal's receipts of an epoch in order of assignment and sequence."""
        items = _items(_chains(book, deal), epoch, decode_cursor(cursor, int, int), limit + 1)
        page, more = items[:limit], len(items) > limit
        closed = commitments.get(epoch)
        return ReceiptEpochView(
            peer=book.peer,
            epoch=epoch,
            root=closed.root if closed else None,
            summaries=_summaries(closed, deal),
            items=page,
            next=encode_cursor(page[-1].assignment, page[-1].sequence) if more else None,
            block=host.chain_view.head.number if host.chain_view else 0,
        )

    @router.get("/packed", response_class=Response, responses=PACKED)
    def read_packed(
        deal: DealNumber,
        epoch: EpochNumber,
        assignment: Annotated[int, Query(ge=1)],
        after: Annotated[int, Query(ge=-1, lt=2**64)] = -1,
    ) -> Response:
        """An assignment's receipts behind a sequence number, as bytes: at most 4,096 at once."""
        records = [
            packed
            for chain in _chains(book, deal)
            if chain.assignment == assignment
            for packed in chain.read_some(epoch, after, MOST_PACKED)
        ]
        return Response(b"".join(records), media_type=OCTETS)

    @router.get("/{sequence}")
    def read_receipt(
        deal: DealNumber,
        epoch: EpochNumber,
        sequence: Sequence,
        assignment: Annotated[int | None, Query(description="if the deal has several here")] = None,
    ) -> ReceiptView:
        """One receipt with its proofs."""
        for chain in _chains(book, deal):
            if assignment in (None, chain.assignment):
                found = _prove(chain, epoch, sequence, commitments.get(epoch), trees)
                if found is not None:
                    return found
        raise NotFound(f"deal {deal} has no receipt {sequence} in epoch {epoch} here")

    return router


def _chains(book: ReceiptLog, deal: int) -> list[ReceiptChain]:
    chains = [chain for chain in book.chains() if chain.deal == deal]
    if not chains:
        raise NotFound(f"deal {deal} has no receipts here")
    return chains


def _items(
    chains: list[ReceiptChain], epoch: int, cursor: tuple[int | str, ...] | None, count: int
) -> list[ReceiptItem]:
    """Return at most `count` receipts behind the cursor (assignment, sequence)."""
    assignment, sequence = (int(part) for part in cursor or (0, -1))
    items: list[ReceiptItem] = []
    for chain in chains:
        if chain.assignment >= assignment and len(items) < count:
            after = sequence if chain.assignment == assignment else -1
            found = chain.read_some(epoch, after, count - len(items))
            items += [_item(chain.assignment, packed) for packed in found]
    return items


def _item(assignment: int, packed: bytes) -> ReceiptItem:
    return ReceiptItem(
        assignment=assignment,
        sequence=unpack_receipt(packed).sequence,
        hash=_hex(receipt_hash(packed)),
        packed=_hex(packed),
    )


def _summaries(closed: Commitment | None, deal: int) -> list[SummaryView]:
    if closed is None:
        return []
    tree = closed.tree()
    return [
        SummaryView(
            packed=_hex(pack_summary(summary)),
            index=index,
            size=len(closed.summaries),
            proof=[_hex(node) for node in tree.prove(index)],
            summary=_fields(summary),
        )
        for index, summary in enumerate(closed.summaries)
        if summary.deal == deal
    ]


def _prove(
    chain: ReceiptChain, epoch: int, sequence: int, closed: Commitment | None, trees: ReceiptTrees
) -> ReceiptView | None:
    packed = next(iter(chain.read_some(epoch, sequence - 1, 1)), None)
    if packed is None or unpack_receipt(packed).sequence != sequence:
        return None
    found = [s for s in closed.summaries if s.assignment == chain.assignment] if closed else []
    summary = found[0] if found else None
    index = 0 if summary is None else sequence - summary.first_sequence
    proof = [] if summary is None else trees.prove(chain, summary, index)
    if proof is None:
        raise Conflict(
            f"the receipts of assignment {chain.assignment} in epoch {epoch} are not all here as "
            "they were committed",
            remedy="the peer's operator has to restore them",
        )
    views = _summaries(closed, chain.deal)
    return ReceiptView(
        root=closed.root if closed else None,
        receipt=_fields(unpack_receipt(packed)),
        packed=_hex(packed),
        index=index,
        size=0 if summary is None else summary.count,
        proof=[_hex(node) for node in proof],
        summary=next(
            (view for view in views if view.summary["assignment"] == chain.assignment), None
        ),
    )


def _fields(value: Receipt | Summary) -> dict[str, Any]:
    fields = {name: getattr(value, name) for name in value.__slots__}
    return {
        name: _hex(field) if isinstance(field, bytes) else int(field)
        for name, field in fields.items()
    }


def _hex(data: bytes) -> str:
    return "0x" + data.hex()

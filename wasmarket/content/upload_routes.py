"""Take blocks from developers who sign their requests: `POST /v1/blocks`, and keep them."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from wasmarket.content.car import MEDIA_TYPE as CAR
from wasmarket.content.car import read_car
from wasmarket.content.dag_pb import decode_node
from wasmarket.content.folder import BlockFolder
from wasmarket.content.ledger import UploadLedger
from wasmarket.content.retention import needed_by_root
from wasmarket.content.upload_intake import Authorize, UploadIntake
from wasmarket.kernel.documents.content_ids import MAX_BLOCK_BYTES, Cid, dag_pb_cid, raw_cid
from wasmarket.kernel.documents.foreign_cids import InlineCid, read_any_cid
from wasmarket.kernel.errors import ContentNotFound, InvalidInput, TooLarge
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Address, Timestamp
from wasmarket.serving.auth import MAX_SIGNED_BODY, SIGNED
from wasmarket.serving.bodies import read_body
from wasmarket.serving.texts import AnyCidText

DAG_PB = "application/vnd.ipld.dag-pb"
MAX_UPLOAD_BYTES = 32 * 1024 * 1024
MAX_UPLOAD_BLOCKS = 8_192

Clock = Callable[[], Timestamp]
"""Returns protocol time: the latest block's timestamp."""

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "requestBody": {
        "required": True,
        "content": dict.fromkeys(("application/octet-stream", DAG_PB, CAR), _BYTES),
    }
}
_RAW_TYPES = ("", "application/octet-stream", "application/vnd.ipld.raw")


class KeptBlocks(BaseModel):
    """Blocks that are in the store now, and until when at least (chain time, seconds)."""

    cids: list[str]
    kept_until: int


def create_upload_router(
    folder: BlockFolder,
    ledger: UploadLedger,
    authorize: Authorize,
    clock: Clock,
    max_bytes: int = MAX_UPLOAD_BYTES,
    check_head: Callable[[Request], None] = lambda _: None,
) -> APIRouter:
    """Return the routes that put blocks into `folder`; a body has at most `max_bytes`.

    `check_head` raises for requests that no body could make right.
    """
    router = APIRouter(prefix="/v1/blocks", tags=["content"])
    intake = UploadIntake(authorize, ledger, max_bytes, check_head)

    @router.post("", status_code=201, openapi_extra=SIGNED | _BODY)
    async def upload_blocks(request: Request) -> KeptBlocks:
        """Keep one block (the body), or those of a CAR file; all of them or none.

        A body of more than 64 KiB says its length and, in `Content-Digest`, its SHA-256.
        """
        async with intake.receive(request) as (signer, body):
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            # Reading hashes every block, which would keep all other requests waiting.
            blocks = await run_in_threadpool(_read_blocks, kind, body)
            return await run_in_threadpool(store, signer, blocks)

    @router.post("/{cid}/pin", openapi_extra=SIGNED)
    async def pin_block(request: Request, cid: AnyCidText) -> KeptBlocks:
        """Count a file, or an app with its modules, as uploaded now; all of it must be here."""
        body = await read_body(request, MAX_SIGNED_BODY)
        signer = await run_in_threadpool(authorize, request, sha256(body))
        root = read_any_cid(cid, field="cid").cid
        if isinstance(root, InlineCid):
            raise InvalidInput(f"{root} holds its block: there is nothing to keep", field="cid")
        return await run_in_threadpool(renew, signer, root)

    def store(signer: Address, blocks: dict[Cid, bytes]) -> KeptBlocks:
        sizes = [(cid, len(block)) for cid, block in blocks.items()]
        kept_until = ledger.admit(signer, sizes, clock())
        for cid, block in blocks.items():
            folder.put(cid, block)
        return KeptBlocks(cids=[str(cid) for cid in blocks], kept_until=kept_until)

    def renew(signer: Address, root: Cid) -> KeptBlocks:
        cids = sorted(needed_by_root(root, folder.get))
        for cid in cids:
            if not folder.has(cid):
                raise ContentNotFound(
                    f"{cid}, part of {root}, is not here", field="cid", remedy="upload it first"
                )
        kept_until = ledger.admit(signer, [(cid, folder.size(cid)) for cid in cids], clock())
        return KeptBlocks(cids=[str(cid) for cid in cids], kept_until=kept_until)

    return router


def _read_blocks(kind: str, body: bytes) -> dict[Cid, bytes]:
    if kind == CAR:
        return dict(read_car(body, max_blocks=MAX_UPLOAD_BLOCKS).blocks)
    if len(body) > MAX_BLOCK_BYTES:
        raise TooLarge(
            f"the block has {len(body)} bytes, {MAX_BLOCK_BYTES} are allowed",
            remedy=f"cut the file into blocks and send them as {CAR}",
        )
    if kind == DAG_PB:
        decode_node(body)
        return {dag_pb_cid(body): body}
    if kind in _RAW_TYPES:
        return {raw_cid(body): body}
    raise InvalidInput(
        f"blocks do not come as {kind!r:.80}",
        field="Content-Type",
        remedy=f"send application/octet-stream, {DAG_PB} or {CAR}",
    )

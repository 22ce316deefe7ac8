"""Serve blocks as an IPFS trustless gateway does: `GET /ipfs/{cid}[/{path}]`, raw or as a CAR."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import WithJsonSchema

from wasmarket.content.car import write_car
from wasmarket.content.exporter import read_block
from wasmarket.content.folder import BlockFolder
from wasmarket.content.trustless.byte_ranges import ENTITY_BYTES, parse_entity_bytes, resolve_range
from wasmarket.content.trustless.headers import (
    FOREVER,
    build_disposition,
    build_etag,
    build_location,
    matches_etag,
)
from wasmarket.content.trustless.negotiation import CAR, FORMATS, RAW, WantedForm, choose_form
from wasmarket.content.trustless.open_route import OpenRoute
from wasmarket.content.trustless.selection import (
    ALL,
    SCOPES,
    ResolvedPath,
    Spelled,
    resolve_path,
    select_blocks,
)
from wasmarket.kernel.documents.foreign_cids import InlineCid, SpelledCid, read_any_cid
from wasmarket.kernel.errors import ContentNotFound, InvalidInput
from wasmarket.serving.texts import AnyCidText

MAX_PATH_PARTS: Final = 64
_PROBLEM: Final = "application/problem+json"
_ANSWERS: Final[dict[int | str, dict[str, object]]] = {
    200: {"content": {RAW: {}, CAR: {}}, "description": "the block, or the blocks below it"},
    206: {"content": {RAW: {}}, "description": "the part of the block that `Range` names"},
    304: {"description": "you have it already"},
    404: {"content": {_PROBLEM: {}}, "description": "not in this store"},
    406: {"content": {_PROBLEM: {}}, "description": "neither raw nor car was asked for"},
    412: {"description": "not here, and only what is here was asked for"},
    416: {"description": "the block has none of the bytes that `Range` names"},
    501: {"content": {_PROBLEM: {}}, "description": "a path through a sharded directory"},
}
FormatText = Annotated[str, WithJsonSchema({"type": "string", "enum": list(FORMATS)})]
ScopeText = Annotated[str, WithJsonSchema({"type": "string", "enum": list(SCOPES)})]
FormatQuery = Annotated[FormatText | None, Query(description="raw or car")]
ScopeQuery = Annotated[ScopeText | None, Query(alias="dag-scope", description="of a CAR")]
BytesText = Annotated[str, WithJsonSchema({"type": "string", "pattern": ENTITY_BYTES})]
BytesQuery = Annotated[
    BytesText | None, Query(alias="entity-bytes", description="of a CAR: `first:last`")
]
NameQuery = Annotated[str | None, Query(max_length=255, description="for Content-Disposition")]
CarQuery = Annotated[str | None, Query(max_length=16)]


def create_gateway_router(folder: BlockFolder) -> APIRouter:
    """Return the routes that serve the blocks of `folder` to anybody."""
    router = APIRouter(tags=["content"], route_class=OpenRoute)

    @router.head("/ipfs/{cid}", include_in_schema=False)
    @router.get("/ipfs/{cid}", responses=_ANSWERS, response_class=Response)
    def read_content(
        request: Request,
        cid: AnyCidText,
        format: FormatQuery = None,
        dag_scope: ScopeQuery = None,
        entity_bytes: BytesQuery = None,
        filename: NameQuery = None,
        car_version: Annotated[CarQuery, Query(alias="car-version")] = None,
        car_order: Annotated[CarQuery, Query(alias="car-order")] = None,
        car_dups: Annotated[CarQuery, Query(alias="car-dups")] = None,
    ) -> Response:
        """One block, or with `format=car` a file's blocks, unchanged: check what you receive."""
        root = read_any_cid(cid, field="cid")
        car = {"version": car_version, "order": car_order, "dups": car_dups}
        form = choose_form(format, request.headers.getlist("accept"), car)
        answer = ContentRequest(folder, request, root, form, filename)
        return (
            answer.send_raw()
            if form.media_type == RAW
            else answer.send_car(dag_scope, entity_bytes)
        )

    @router.options("/ipfs/{cid}", include_in_schema=False)
    @router.options("/ipfs/{cid}/{path:path}", include_in_schema=False)
    def answer_preflight() -> Response:
        """Let pages of every origin ask."""
        return Response(status_code=HTTPStatus.NO_CONTENT)

    # The same, of what is at the end of a path.
    for method in ("GET", "HEAD"):
        router.add_api_route(
            "/ipfs/{cid}/{path:path}", read_content, methods=[method], include_in_schema=False
        )
    return router


class ContentRequest:
    """One request for a root, and the answers to it."""

    def __init__(
        self,
        folder: BlockFolder,
        request: Request,
        root: SpelledCid,
        form: WantedForm,
        filename: str | None,
    ) -> None:
        """Raises InvalidInput for a path that is too long, or the script of a service worker."""
        self._folder = folder
        self._request = request
        self._root = root
        self._form = form
        self._filename = filename
        self._is_head = request.method == "HEAD"
        # Split before it is decoded, so that a name may have a slash in it.
        self._url_path: str = request.scope["raw_path"].partition(b"?")[0].decode("latin-1")
        _, _, rest = self._url_path.removeprefix("/ipfs/").partition("/")
        self._path = [unquote(part) for part in rest.split("/") if part]
        if len(self._path) > MAX_PATH_PARTS:
            raise InvalidInput(f"the path has more than {MAX_PATH_PARTS} parts", field="path")
        is_script = request.headers.get("service-worker") == "script"
        if is_script and not self._url_path.endswith("/") and not self._path:
            raise InvalidInput(
                "a service worker may not control a whole content root", field="Service-Worker"
            )

    def send_raw(self) -> Response:
        """Answer the root's block, or the range of it that is asked for."""
        if self._path:
            raise InvalidInput(
                "paths are followed for CAR files only",
                field="path",
                remedy="add ?format=car, or ask for the block by its own CID",
            )
        if (missing := self._find_missing()) is not None:
            return missing
        size = self._get_size()
        lines = self._request.headers.getlist("range")
        wanted = lines[0] if len(lines) == 1 else ""
        whole = build_etag(self._root.cid, self._form)
        try:
            span = resolve_range(wanted, size) if self._is_range_current(whole) else None
        except IndexError:
            headers = self._headers(whole) | {"Content-Range": f"bytes */{size}"}
            return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
        etag = build_etag(self._root.cid, self._form, span=span)
        headers = self._headers(etag) | {"Accept-Ranges": "bytes"}
        if matches_etag(self._request.headers.getlist("if-none-match"), etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        first, last = span or (0, size - 1)
        status = HTTPStatus.OK
        if span is not None:
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        if self._is_head:
            headers["Content-Length"] = str(last + 1 - first)
            return Response(status_code=status, headers=headers, media_type=RAW)
        block = read_block(self._root.cid, self._folder.get)[first : last + 1]
        return Response(block, status, headers=headers, media_type=RAW)

    def send_car(self, dag_scope: str | None, entity_bytes: str | None) -> Response:
        """Answer the blocks that verify what is at the path's end."""
        scope = _check_scope(dag_scope)
        wanted = parse_entity_bytes(entity_bytes) if entity_bytes is not None else None
        if (missing := self._find_missing()) is not None:
            return missing
        found = resolve_path(self._root, self._path, self._folder.get)
        etag = build_etag(
            self._root.cid,
            self._form,
            scope=dag_scope or "",
            path="/".join(self._path),
            entity_bytes=str(wanted) if wanted else "",
        )
        headers = self._headers(etag, found) | {"Accept-Ranges": "none"}
        if matches_etag(self._request.headers.getlist("if-none-match"), etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        duplicates = self._form.has_duplicates
        blocks = list(select_blocks(found, scope, wanted, self._folder.get, duplicates=duplicates))
        # Everything is looked for before the first byte goes out: a status cannot be taken back.
        for block in blocks:
            if not isinstance(block.cid, InlineCid) and not self._folder.has(block.cid):
                raise ContentNotFound(f"{block.cid}, part of {self._root.text}, is not here")
        content_type = self._form.content_type
        if self._is_head:
            return Response(headers=headers, media_type=content_type)
        return StreamingResponse(self._stream(blocks), headers=headers, media_type=content_type)

    def _stream(self, blocks: list[Spelled]) -> Iterator[bytes]:
        get = self._folder.get
        return write_car(
            [self._root.data], ((block.id, read_block(block.cid, get)) for block in blocks)
        )

    def _find_missing(self) -> Response | None:
        """Return the answer if only what is here is wanted, and it is not. Raises
        ContentNotFound if it is not here.
        """
        cid = self._root.cid
        if isinstance(cid, InlineCid) or self._folder.has(cid):
            return None
        directives = ",".join(self._request.headers.getlist("cache-control")).lower().split(",")
        if "only-if-cached" in {directive.strip() for directive in directives}:
            return Response(status_code=HTTPStatus.PRECONDITION_FAILED)
        raise ContentNotFound(
            f"{self._root.text} is not here", remedy="publish it, or ask another source"
        )

    def _get_size(self) -> int:
        cid = self._root.cid
        if isinstance(cid, InlineCid):
            return len(cid.data)
        # A damaged file is not there, which only reading it shows.
        return self._folder.size(cid) if self._is_head else len(self._folder.get(cid))

    def _is_range_current(self, etag: str) -> bool:
        condition = self._request.headers.get("if-range")
        return condition is None or condition.startswith(etag.removesuffix('"'))

    def _headers(self, etag: str, found: ResolvedPath | None = None) -> dict[str, str]:
        roots = [str(block.cid) for block in (*found.way, found.end)] if found else []
        headers = {
            "Etag": etag,
            "Cache-Control": FOREVER,
            "Content-Disposition": build_disposition(self._root.cid, self._form, self._filename),
            "X-Content-Type-Options": "nosniff",
            "X-Ipfs-Path": self._url_path,
            "X-Ipfs-Roots": ",".join(roots or [str(self._root.cid)]),
            "Vary": "Accept",
        }
        if self._form.is_by_accept or "format" not in self._request.query_params:
            query = self._request.scope["query_string"]
            headers["Content-Location"] = build_location(self._url_path, query, self._form)
        return headers


def _check_scope(scope: str | None) -> str:
    if scope is None:
        return ALL
    if scope not in SCOPES:
        raise InvalidInput(
            f"dag-scope is {scope!r:.80}",
            field="dag-scope",
            remedy=f"choose from {', '.join(SCOPES)}",
        )
    return scope

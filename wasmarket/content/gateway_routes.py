"""Serve blocks as an IPFS trustless gateway does: `GET /ipfs/{cid}?format=raw|car`."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import WithJsonSchema

from wasmarket.content.car import MEDIA_TYPE as CAR
from wasmarket.content.car import write_car
from wasmarket.content.exporter import walk
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.content_ids import Cid, parse_cid
from wasmarket.kernel.errors import ContentNotFound, InvalidInput
from wasmarket.serving.problems import request_id_of
from wasmarket.serving.texts import CidText

RAW = "application/vnd.ipld.raw"
_FORMATS = {"raw": RAW, "car": CAR}
_SCOPES = ("all", "entity", "block")
FormatText = Annotated[str, WithJsonSchema({"type": "string", "enum": list(_FORMATS)})]
ScopeText = Annotated[str, WithJsonSchema({"type": "string", "enum": list(_SCOPES)})]
_PROBLEM = "application/problem+json"
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"content": {RAW: {}, CAR: {}}, "description": "the block, or the blocks below it"},
    304: {"description": "you have it already"},
    404: {"content": {_PROBLEM: {}}, "description": "not in this store"},
    406: {"content": {_PROBLEM: {}}, "description": "neither raw nor car was asked for"},
}


def create_gateway_router(folder: BlockFolder) -> APIRouter:
    """Return the routes that serve the blocks of `folder` to anybody."""
    router = APIRouter(tags=["content"])

    @router.head("/ipfs/{cid}", include_in_schema=False)
    @router.get("/ipfs/{cid}", responses=_ANSWERS, response_class=Response)
    def read_content(
        request: Request,
        cid: CidText,
        format: Annotated[FormatText | None, Query(description="raw or car")] = None,
        dag_scope: Annotated[ScopeText, Query(alias="dag-scope")] = "all",
        accept: Annotated[str, Header()] = "",
        if_none_match: Annotated[str, Header()] = "",
    ) -> Response:
        """One block, or with `format=car` a file's blocks, unchanged: check what you receive."""
        parsed = parse_cid(cid, field="cid")
        media_type = _FORMATS.get(format) if format else _accepted(accept)
        if media_type is None:
            return _not_acceptable(request)
        scope = _parse_scope(dag_scope) if media_type == CAR else "block"
        headers = _headers(parsed, media_type, scope)
        if _matches(if_none_match, headers["Etag"]):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        head_only = request.method == "HEAD"
        if media_type == CAR:
            return _answer_car(folder, parsed, scope, headers, head_only)
        return _answer_raw(folder, parsed, headers, head_only)

    @router.get("/ipfs/{cid}/{path:path}", include_in_schema=False)
    def read_path(cid: str, path: str) -> Response:
        """Paths inside a CID are not resolved."""
        raise InvalidInput(
            f"paths such as {path!r:.80} are not resolved here",
            field="path",
            remedy="ask for the block by its own CID",
        )

    return router


def _answer_raw(
    folder: BlockFolder, cid: Cid, headers: dict[str, str], head_only: bool
) -> Response:
    if head_only:
        length = {"Content-Length": str(folder.size(cid))}
        return Response(headers=headers | length, media_type=RAW)
    return Response(folder.get(cid), headers=headers, media_type=RAW)


def _answer_car(
    folder: BlockFolder, cid: Cid, scope: str, headers: dict[str, str], head_only: bool
) -> Response:
    media_type = f"{CAR}; version=1; order=dfs; dups=n"
    if scope == "block":
        cids = [cid]
    else:
        cids = [below for below, _ in walk(cid, folder.get, leaves=False)]
    # Everything is looked for before the first byte goes out: a status cannot be taken back.
    for below in cids:
        if not folder.has(below):
            raise ContentNotFound(f"{below}, part of {cid}, is not here")
    if head_only:
        return Response(headers=headers, media_type=media_type)
    return StreamingResponse(_stream(folder, cid, cids), headers=headers, media_type=media_type)


def _stream(folder: BlockFolder, root: Cid, cids: list[Cid]) -> Iterator[bytes]:
    return write_car([root], ((cid, folder.get(cid)) for cid in cids))


def _accepted(accept: str) -> str | None:
    """Return the first type we serve of an Accept header, None if it names none."""
    for entry in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        if kind == RAW:
            return RAW
        versions = [p.removeprefix("version=") for p in parameters if p.startswith("version=")]
        if kind == CAR and versions in ([], ["1"]):
            return CAR
    return None


def _parse_scope(scope: str) -> str:
    if scope not in _SCOPES:
        raise InvalidInput(
            f"dag-scope is {scope!r:.80}",
            field="dag-scope",
            remedy=f"choose from {', '.join(_SCOPES)}",
        )
    # A file is one entity, so both words mean everything below the root.
    return "block" if scope == "block" else "all"


def _headers(cid: Cid, media_type: str, scope: str) -> dict[str, str]:
    suffix = "bin" if media_type == RAW else "car"
    return {
        "Etag": f'"{cid}.raw"' if media_type == RAW else f'W/"{cid}.car.{scope}"',
        "Cache-Control": "public, max-age=29030400, immutable",
        "Content-Disposition": f'attachment; filename="{cid}.{suffix}"',
        "X-Content-Type-Options": "nosniff",
        "X-Ipfs-Path": f"/ipfs/{cid}",
        "X-Ipfs-Roots": str(cid),
        "Vary": "Accept",
    }


def _matches(if_none_match: str, etag: str) -> bool:
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in known or etag.removeprefix("W/") in known


def _not_acceptable(request: Request) -> JSONResponse:
    problem = {
        "type": "urn:wasmarket:not-acceptable",
        "title": "It is not served in this form",
        "status": int(HTTPStatus.NOT_ACCEPTABLE),
        "detail": "this gateway serves blocks as they are, not files or pages made of them",
        "field": "format",
        "remedy": "add ?format=raw or ?format=car, and check the hashes of what you receive",
        "request_id": request_id_of(request),
    }
    return JSONResponse(problem, HTTPStatus.NOT_ACCEPTABLE, media_type=_PROBLEM)

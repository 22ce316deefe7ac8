"""The call route as the framework knows it: its OpenAPI page, and requests that are not plain.

Almost all calls end in front of it, in `CallPath`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response

from peer.api.call_path import Calls, read_body
from peer.api.numbers import DealNumber
from wasmarket.serving.bodies import allow_body
from wasmarket.serving.problems import request_id_of
from wasmarket.serving.service import REQUEST_ID

ANY_BYTES: dict[str, Any] = {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
}
BODY: dict[str, Any] = {
    "requestBody": {
        "description": "Arguments by position or by name, or the bytes of a function that takes"
        " bytes",
        "content": {
            "application/json": {"schema": {"anyOf": [{"type": "array"}, {"type": "object"}]}},
            **ANY_BYTES,
        },
    }
}
_TEXT = {"type": "string"}
RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What the function answered",
        "headers": {
            "Wasmarket-Peer": {"schema": _TEXT, "description": "the peer's number"},
            "Wasmarket-Receipt": {"schema": _TEXT, "description": "assignment:sequence:sha256"},
            "Wasmarket-Fuel": {"schema": _TEXT, "description": "fuel used, 0 if unmetered"},
            "Wasmarket-Head": {
                "schema": _TEXT,
                "description": "assignment:sequence:sha256:signature, where `Prefer: receipt` asks",
            },
        },
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["result"], "properties": {"result": {}}}
            },
            **ANY_BYTES,
        },
    }
}


def create_call_router(calls: Calls) -> APIRouter:
    """Return the route that runs functions."""
    router = APIRouter(tags=["calls"])

    @router.post(
        "/v1/deals/{deal}/{service}/{function}",
        response_class=Response,
        responses=RESULT,
        openapi_extra=BODY,
    )
    async def call_function(
        request: Request,
        deal: DealNumber,
        service: str,
        function: str,
        prefer: Annotated[str, Header()] = "",
    ) -> Response:
        """Run a function: JSON arguments by position or name, or raw bytes."""
        given = dict(request.headers.raw)
        limit = calls.find_limit(deal)
        allow_body(request.scope, limit)
        body = await read_body(given, request.receive, limit)
        request_id = request_id_of(request) or ""
        headers = [(REQUEST_ID.lower().encode(), request_id.encode())]
        status, answer = await calls.answer(
            deal, service, function, request.scope, given, headers, body
        )
        # The request id is added on the way out.
        named = {name.decode(): value.decode() for name, value in headers[1:]}
        return Response(answer, status, headers=named)

    return router

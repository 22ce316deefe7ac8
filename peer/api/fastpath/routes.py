"""The call route as the framework knows it: its OpenAPI page, and requests that are not plain.

Almost all calls end in front of it, in `CallProtocol` or `CallPath`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response

from peer.api.fastpath.asgi import Disconnected, read_body, split_lines
from peer.api.fastpath.handler import CallHandler
from peer.api.fastpath.head import CallHead, make_id
from peer.api.numbers import DealNumber
from wasmarket.serving.bodies import allow_body
from wasmarket.serving.problems import request_id_of

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


def create_call_router(calls: CallHandler) -> APIRouter:
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
        headers = request.headers.raw
        head = CallHead((deal, service, function), headers, lambda: request.scope)
        limit = calls.find_limit(deal)
        allow_body(request.scope, limit)
        try:
            body = await read_body(headers, request.receive, limit)
        except Disconnected:
            # Nobody reads this.
            return Response(status_code=400)
        request_id = (request_id_of(request) or "").encode() or make_id()
        status, lines, answer = await calls.answer(head, request_id, body)
        # The request id, which comes first, is added on the way out; so is the answer counted.
        named = {name.decode(): value.decode() for name, value in split_lines(lines)[1:]}
        return Response(answer, status, headers=named)

    return router

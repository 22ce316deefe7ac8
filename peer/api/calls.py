"""The call route as the framework knows it: its OpenAPI page, and requests that are not plain.

Almost all calls end in front of it, in `CallPath`.
"""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response

from peer.api.call_path import Calls, read_body
from peer.api.numbers import DealNumber
from serving.problems import request_id_of
from serving.service import REQUEST_ID


def create_call_router(calls: Calls) -> APIRouter:
    """Return the route that runs functions."""
    router = APIRouter(tags=["calls"])

    @router.post("/v1/deals/{deal}/{service}/{function}", response_class=Response)
    async def call_function(
        request: Request,
        deal: DealNumber,
        service: str,
        function: str,
        prefer: Annotated[str, Header()] = "",
    ) -> Response:
        """Run a function: JSON arguments by position or name, or raw bytes."""
        given = dict(request.headers.raw)
        body = await read_body(given, request.receive, calls.find_limit(deal))
        request_id = request_id_of(request) or ""
        headers = [(REQUEST_ID.lower().encode(), request_id.encode())]
        status, answer = await calls.answer(
            deal, service, function, request.scope, given, headers, body
        )
        # The request id is added on the way out.
        named = {name.decode(): value.decode() for name, value in headers[1:]}
        return Response(answer, status, headers=named)

    return router

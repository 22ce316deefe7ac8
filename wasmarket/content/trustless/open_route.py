"""Routes that pages of every origin may read, errors included."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from wasmarket.content.trustless.headers import CORS
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.problems import render, request_id_of

Answer = Callable[[Request], Coroutine[Any, Any, Response]]


class OpenRoute(APIRoute):
    """A route whose answers carry CORS headers for everybody."""

    def get_route_handler(self) -> Answer:
        """Return the handler of this route, which renders its own errors."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except MarketError as error:
                response = render(error, request_id_of(request))
            response.headers.update(CORS)
            return response

        return answer

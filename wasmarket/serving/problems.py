"""Render every error as an RFC 9457 problem document, from one table.

`type` is `urn:wasmarket:<slug>`; `field` names the input, `remedy` says what to do, `request_id`
is in the logs.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from wasmarket.kernel import errors
from wasmarket.serving.callers.limits import RateLimited

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
AS_JSON = "send JSON, with `Content-Type: application/json`"

STATUS: dict[type[errors.MarketError], HTTPStatus] = {
    errors.InvalidInput: HTTPStatus.BAD_REQUEST,
    errors.InvalidSignature: HTTPStatus.BAD_REQUEST,
    errors.Expired: HTTPStatus.BAD_REQUEST,
    errors.BadContent: HTTPStatus.BAD_REQUEST,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.RunwayOver: HTTPStatus.PAYMENT_REQUIRED,
    errors.Unfunded: HTTPStatus.PAYMENT_REQUIRED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.LimitReached: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unsupported: HTTPStatus.NOT_IMPLEMENTED,
    errors.BrokenOff: HTTPStatus.BAD_GATEWAY,
    errors.Unreachable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TimedOut: HTTPStatus.GATEWAY_TIMEOUT,
}


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    remedy: str | None = None
    request_id: str | None = None


def status_of(error: errors.MarketError) -> HTTPStatus:
    """Return the HTTP status of an error: that of its nearest class in the table."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def render(error: errors.MarketError, request_id: str | None) -> JSONResponse:
    """Return the response for an error."""
    status = status_of(error)
    problem = Problem(
        type=f"urn:wasmarket:{error.slug}",
        title=error.title(),
        status=status,
        detail=error.detail,
        field=error.field,
        remedy=error.remedy,
        request_id=request_id,
    )
    headers = {"WWW-Authenticate": error.scheme} if isinstance(error, errors.Unauthorized) else {}
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after)
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every error with a problem document."""
    app.add_exception_handler(errors.MarketError, _render_error)
    app.add_exception_handler(RequestValidationError, _render_invalid)
    app.add_exception_handler(HTTPException, _render_http)
    app.add_exception_handler(ClientDisconnect, _render_gone)
    app.add_exception_handler(Exception, _render_bug)


def request_id_of(request: Request) -> str | None:
    """Return the id that the service gave to this request."""
    return getattr(request.state, "request_id", None)


def _render_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.MarketError)
    return render(error, request_id_of(request))


def _render_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    invalid = _explain_body(first, error.body)
    if invalid is None:
        where = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
        invalid = errors.InvalidInput(
            f"{'.'.join(where) or 'the request'}: {first['msg']}",
            field=".".join(where) or None,
            remedy="see /docs for what this route takes",
        )
    return render(invalid, request_id_of(request))


def _explain_body(first: Mapping[str, Any], body: object) -> errors.InvalidInput | None:
    """Say what is wrong with a body as a whole; None when a member of it is."""
    if first["type"] == "json_invalid":
        why = first.get("ctx", {}).get("error", "it ends too early")
        return errors.InvalidInput(
            f"the body is not JSON: {why} at character {first['loc'][-1]}",
            remedy="send one JSON value",
        )
    if tuple(first["loc"]) != ("body",):
        return None
    if first["type"] == "missing":
        return errors.InvalidInput("the request has no body", remedy=AS_JSON)
    if isinstance(body, bytes):
        return errors.InvalidInput(
            "the body is not said to be JSON", field="Content-Type", remedy=AS_JSON
        )
    return errors.InvalidInput(
        f"the body: {first['msg']}", remedy="see /docs for what this route takes"
    )


def _unreadable(cause: BaseException) -> errors.InvalidInput:
    if isinstance(cause, RecursionError):
        return errors.InvalidInput("the body is nested too deeply", remedy=AS_JSON)
    return errors.InvalidInput(f"the body is not JSON: {cause}", remedy=AS_JSON)


def _render_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, errors.TooLarge):
        # The framework takes it for a body that it cannot parse.
        return render(error.__cause__, request_id_of(request))
    if isinstance(error.__cause__, ValueError | RecursionError):
        # The framework could not read the body, for more reasons than bad JSON.
        return render(_unreadable(error.__cause__), request_id_of(request))
    status = HTTPStatus(error.status_code)
    problem = Problem(
        type=f"urn:wasmarket:{status.phrase.lower().replace(' ', '-')}",
        title=status.phrase,
        status=status,
        detail=str(error.detail),
        remedy="see /docs for the routes" if status in (404, 405) else None,
        request_id=request_id_of(request),
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status,
        headers=dict(error.headers or {}),
        media_type=MEDIA_TYPE,
    )


def _render_gone(request: Request, error: Exception) -> JSONResponse:
    """Answer whoever went away before its body ended, which only the access log reads."""
    gone = errors.InvalidInput("the connection ended before the body", remedy="send all of it")
    return render(gone, request_id_of(request))


def _render_bug(request: Request, error: Exception) -> JSONResponse:
    request_id = request_id_of(request)
    logger.error("unhandled error", exc_info=error, extra={"request_id": request_id})
    bug = errors.MarketError(
        "the service failed unexpectedly", remedy="report it with the request id"
    )
    return render(bug, request_id)

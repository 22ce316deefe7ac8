"""Routes of the explorer: its files, its page under every address of its own, and its settings.

The page asks nobody but this service and those that the settings name; its policy says so to the
browser, which refuses everything else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from wasmarket.kernel.deployment import Deployment, dump_deployment
from wasmarket.kernel.errors import ConfigError, NotFound
from wasmarket.serving.explorer.files import INDEX, SiteFile

PATH = "explorer"
"""First part of the explorer's paths."""


@dataclass(frozen=True, slots=True)
class ExplorerSettings:
    """Where the page finds what it shows; empty: at the service that it came from, or nowhere.

    `matcher`, `gateway` and `payments` are URLs as browsers reach them; the last is only led to.
    """

    service: str
    deployment: Deployment
    matcher: str = ""
    gateway: str = ""
    payments: str = ""


def explorer_routes(site: Mapping[str, SiteFile], settings: ExplorerSettings) -> APIRouter:
    """Return the explorer's routes. Raises ConfigError for URLs that are none."""
    router = APIRouter(prefix=f"/{PATH}", include_in_schema=False)
    headers = _headers(settings)
    if settings.payments:
        # The page only leads there: its policy need not name it.
        _origin(settings.payments)
    document = {
        "service": settings.service,
        "matcher": settings.matcher.rstrip("/"),
        "gateway": settings.gateway.rstrip("/"),
        "payments": settings.payments.rstrip("/"),
        "deployment": json.loads(dump_deployment(settings.deployment)),
    }

    @router.get("/config.json")
    def read_settings() -> JSONResponse:
        return JSONResponse(document, headers=headers | {"Cache-Control": "no-store"})

    @router.get("")
    def read_root() -> RedirectResponse:
        return RedirectResponse(f"/{PATH}/", headers=headers)

    @router.get("/{path:path}")
    def read_file(path: str, request: Request) -> Response:
        name = path or INDEX
        # What is no file is an address within the page, which reads it itself.
        file = site.get(name) or (None if "." in name.rpartition("/")[2] else site.get(INDEX))
        if file is None:
            raise NotFound(
                f"there is no {path:.200}" if site else "the explorer is not here",
                remedy="run `make setup` where it was not built; a gateway shows it once"
                " [gateway] explorer_matcher is set",
            )
        tags = headers | {
            "ETag": file.etag,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
        }
        given = request.headers.get("If-None-Match", "")
        if file.etag in (tag.strip() for tag in given.split(",")):
            return Response(status_code=304, headers=tags)
        content = file.content
        if _takes_gzip(request):
            content, tags = file.packed, tags | {"Content-Encoding": "gzip"}
        return Response(content, media_type=file.media_type, headers=tags)

    return router


def _takes_gzip(request: Request) -> bool:
    """Say whether an answer may be packed; who says how much they like it gets it plain."""
    given = request.headers.get("Accept-Encoding", "")
    return "gzip" in (entry.strip() for entry in given.split(","))


def _headers(settings: ExplorerSettings) -> dict[str, str]:
    others = [_origin(url) for url in (settings.matcher, settings.gateway) if url]
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        " ".join(("connect-src 'self'", *others)),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _origin(url: str) -> str:
    """Return the origin of a URL. Raises ConfigError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or set(url) & set(" ;,'\""):
        raise ConfigError(
            f"{url!r} is no address of a service",
            field="explorer",
            remedy="give one such as https://matcher.example.org",
        )
    return f"{parts.scheme}://{parts.netloc}"

"""Whole sites: any path and method go to the one function that the app's manifest names."""

from starlette.types import Receive, Scope, Send

from gateway.api.calls import CallRelay, is_idempotent
from gateway.api.cors import is_preflight
from gateway.api.incoming import Body, BodyLimits, Incoming
from gateway.api.relay import pass_on, returned_headers
from gateway.directory.apps import Apps
from gateway.upstream.messages import (
    BadAnswer,
    RequestOrigin,
    ResponseHead,
    confine_cookie,
    find_head,
    read_response,
    write_request,
)
from wasmarket.kernel.documents.app_parts import Manifest, Site
from wasmarket.kernel.errors import (
    Forbidden,
    InvalidInput,
    MarketError,
    NotFound,
    TooLarge,
    Unreachable,
)
from wasmarket.serving.auth import SITE_HEADER
from wasmarket.serving.callers.addresses import Clients
from wasmarket.serving.peer_wire.connection import Header, Outgoing, PeerAnswer

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that HTTP lets anybody repeat."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REFUSED = frozenset({401, 403})
NO_BODY = frozenset({204, 304})
RAW_TYPE = b"application/octet-stream"


class Sites:
    """Answer requests to deals by name: as sites where the app is one, else as calls."""

    def __init__(self, calls: CallRelay, apps: Apps, clients: Clients) -> None:
        """`apps` says which function is the site; `clients` whose address a request has."""
        self._calls = calls
        self._apps = apps
        self._clients = clients

    async def find_app(self, deal: int) -> Manifest | None:
        """Return what a deal runs; None where nobody tells."""
        try:
            return await self._apps.find(await self._calls.find(deal))
        except MarketError:
            # Whoever answers the request meets the same, and says so.
            return None

    async def answer(
        self, scope: Scope, receive: Receive, send: Send, deal: int, prefix: str
    ) -> None:
        """Answer a request to a deal whose site begins at the path `prefix`.

        Raises NotFound (neither a site nor a call), BadAnswer, and as `CallRelay.answer`.
        """
        incoming = Incoming(scope, receive)
        path = incoming.path[len(prefix) :]
        route = await self._calls.find(deal)
        try:
            manifest = await self._apps.find(route)
        except Unreachable:
            # What the app is does not matter to a call that names service and function.
            call = _call_of(path, None) if incoming.method == "POST" else None
            if call is None:
                raise
            await self._call(scope, receive, send, deal, call)
            return
        if manifest.site is not None:
            await self._answer_site(incoming, send, deal, manifest, prefix)
            return
        call = _call_of(path, manifest) if incoming.method == "POST" else None
        if call is None:
            raise NotFound(
                f"deal {deal} is no site",
                remedy="POST to /v1/deals/{deal}/{service}/{function}, or give its app an "
                "http trigger",
            )
        await self._call(scope, receive, send, deal, call)

    async def _call(
        self, scope: Scope, receive: Receive, send: Send, deal: int, call: tuple[str, str]
    ) -> None:
        query = scope["query_string"].decode("ascii")
        target = f"/v1/deals/{deal}/{call[0]}/{call[1]}" + (f"?{query}" if query else "")
        await self._calls.answer(scope, receive, send, deal, target)

    async def _answer_site(
        self, incoming: Incoming, send: Send, deal: int, manifest: Manifest, prefix: str
    ) -> None:
        assert manifest.site is not None
        if incoming.method not in METHODS:
            raise InvalidInput(f"{incoming.method} is no method of a site", field="method")
        path = incoming.path[len(prefix) :]
        if not path:
            await _redirect(incoming, prefix, send)
            return
        target = f"{path}?{incoming.query}" if incoming.query else path
        head = write_request(
            incoming.method, target, incoming.headers, self._origin(incoming, prefix)
        )
        body = await incoming.read_body(_limits(self._calls.limits, manifest, len(head)))
        outgoing = _outgoing(incoming, deal, manifest.site, head, body)
        answer, _ = await self._calls.send(outgoing, deal, incoming)
        try:
            if answer.status in REFUSED and is_preflight(incoming.scope):
                raise Forbidden(
                    "pages of other origins may not call this site",
                    field="Origin",
                    remedy="no key or signature comes with a preflight: a site that is not public"
                    " names whose pages may, in its app.toml under [cors]",
                )
            if answer.status != 200:
                headers = returned_headers(answer)
                length = answer.length
                await pass_on(answer, answer.status, headers, incoming.receive, send, length=length)
            else:
                await _pass_site(answer, incoming, prefix, send)
        finally:
            answer.close()

    def _origin(self, incoming: Incoming, prefix: str) -> RequestOrigin:
        client = self._clients.of(incoming.scope)
        return RequestOrigin(
            client=client.address,
            scheme=client.scheme,
            host=incoming.header(b"host") or "",
            prefix=prefix,
            request_id=incoming.request_id,
        )


def _outgoing(incoming: Incoming, deal: int, site: Site, head: bytes, body: Body) -> Outgoing:
    """Return the call of the site's function, with the message as its body."""
    authorization = incoming.header(b"authorization")
    headers: list[Header] = [
        (b"content-type", RAW_TYPE),
        # A signature is then of the request in the message, which the caller knows.
        (SITE_HEADER, b"1"),
        (b"x-request-id", incoming.request_id.encode("ascii")),
    ]
    if authorization is not None:
        headers.append((b"authorization", authorization.encode("latin-1")))
    return Outgoing(
        method="POST",
        target=f"/v1/deals/{deal}/{site.service}/{site.function}",
        headers=tuple(headers),
        body=head + body.start,
        idempotent=is_idempotent(incoming, SAFE_METHODS),
        more=body.more,
        length=None if body.length is None else len(head) + body.length,
    )


async def _pass_site(answer: PeerAnswer, incoming: Incoming, prefix: str, send: Send) -> None:
    """Read the head of the function's answer and pass the rest on as it comes."""
    start = bytearray()
    while not (end := find_head(start)):
        chunk = await answer.read()
        if not chunk:
            raise BadAnswer(
                "the answer has no head",
                remedy="answer `HTTP/1.1 200 OK`, header lines, an empty line and the body",
            )
        start += chunk
    head = read_response(bytes(start[:end]))
    headers = _headers(head, answer, prefix)
    length = None if answer.length is None else answer.length - head.size
    if incoming.method == "HEAD" or head.status in NO_BODY:
        if length is not None and head.status not in NO_BODY:
            headers.append((b"content-length", b"%d" % length))
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    rest = bytes(start[end:])
    await pass_on(answer, head.status, headers, incoming.receive, send, start=rest, length=length)


def _headers(head: ResponseHead, answer: PeerAnswer, prefix: str) -> list[Header]:
    ours = [(name, value) for name, value in answer.headers if name.startswith(b"wasmarket-")]
    if not prefix:
        return head.headers + ours
    return [
        (name, confine_cookie(value, prefix) if name == b"set-cookie" else value)
        for name, value in head.headers
    ] + ours


def _limits(limits: BodyLimits, manifest: Manifest, head: int) -> BodyLimits:
    """Return how long a body may be, so that head and body are within the app's limit."""
    room = manifest.limits.input_bytes - head
    if room < 0:
        raise TooLarge(
            f"the request's head of {head} bytes is more than the app takes",
            remedy="send fewer or shorter headers, or raise the app's input_bytes",
        )
    return BodyLimits(min(limits.body_bytes, room), limits.held_bytes, limits.silence_seconds)


def _call_of(path: str, manifest: Manifest | None) -> tuple[str, str] | None:
    """Return service and function of a path; the only service need not be named."""
    parts = path.removeprefix("/").split("/")
    if len(parts) == 2 and all(parts):
        return parts[0], parts[1]
    if len(parts) == 1 and parts[0] and manifest is not None and len(manifest.services) == 1:
        return manifest.services[0].name, parts[0]
    return None


async def _redirect(incoming: Incoming, prefix: str, send: Send) -> None:
    """Send the caller to the folder, so that the site's relative links are right."""
    target = f"{prefix}/" + (f"?{incoming.query}" if incoming.query else "")
    headers = [(b"location", target.encode("ascii")), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 308, "headers": headers})
    await send({"type": "http.response.body", "body": b""})

"""What stands before a desk's gateway: it tells of each answer, and fires triggers by hand."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wasmarket.kernel.documents.json_text import read_json
from wasmarket.kernel.documents.triggers import CHAIN_EVENT, Trigger
from wasmarket.kernel.errors import MarketError, NotFound
from wasmarket.serving.bodies import MAX_BODY, read_body
from wasmarket.serving.problems import MEDIA_TYPE, status_of

PREFIX: Final = "/dev/triggers"
"""GET lists the triggers, with what a peer tells of each; POST of one's number below it fires that,
with `{"argument": event}` where it waits for events."""

Told = Callable[[str, str, int, float], None]
"""Method, path, status and milliseconds of an answer."""


class FireRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What a trigger of events is fired with by hand."""

    argument: dict[str, Any] | None = None


class DeskFront:
    """Hands requests to the gateway, but for those to the triggers of this desk."""

    def __init__(self, gateway: ASGIApp, desk: Any, told: Told) -> None:
        """`desk` lists and fires triggers."""
        self._gateway = gateway
        self._desk = desk
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._gateway(scope, receive, send)
            return
        began = time.monotonic()

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = (time.monotonic() - began) * 1_000
                self._told(scope["method"], scope["path"], message["status"], took)
            await send(message)

        if scope["path"] == PREFIX or scope["path"].startswith(f"{PREFIX}/"):
            await self._answer(scope, receive, note)
        else:
            await self._gateway(scope, receive, note)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, kind = 200, "application/json"
        try:
            if scope["method"] == "POST":
                name = scope["path"].removeprefix(PREFIX).strip("/")
                value = await self._fire(name, await read_body(Request(scope, receive), MAX_BODY))
            else:
                told = self._desk.view_triggers()
                triggers = enumerate(self._desk.list_triggers(), 1)
                rows = [describe(*pair) | told.get(pair[1].key, {}) for pair in triggers]
                value = {"triggers": rows}
        except MarketError as error:
            status, kind = int(status_of(error)), MEDIA_TYPE
            value = {
                "type": f"urn:wasmarket:{error.slug}",
                "title": error.title(),
                "status": status,
                "detail": error.detail,
            } | ({"remedy": error.remedy} if error.remedy else {})
        body = json.dumps(value).encode()
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _fire(self, name: str, body: bytes) -> dict[str, Any]:
        trigger = find_trigger(self._desk.list_triggers(), name)
        event = read_json(body, FireRequest, what="the body").argument if body else None
        recorded = await self._desk.fire(trigger, event)
        return {"result": json.loads(recorded.output)["result"], "fuel": recorded.fuel}


def find_trigger(triggers: list[Trigger], name: str) -> Trigger:
    """Return a trigger by its number, from 1, or its key. Raises NotFound."""
    for number, trigger in enumerate(triggers, 1):
        if name in (str(number), trigger.key):
            return trigger
    raise NotFound(
        f"there is no trigger {name!r:.80}", remedy=f"the app has {len(triggers)}, from 1"
    )


def describe(number: int, trigger: Trigger) -> dict[str, Any]:
    """Return what a trigger calls, and when."""
    if trigger.kind == CHAIN_EVENT:
        when = f"{trigger.fragment.name} of {trigger.contract}"
    else:
        when = trigger.expression or (f"{trigger.seconds} s" if trigger.seconds else "")
    return {
        "number": number,
        "key": trigger.key,
        "kind": trigger.kind,
        "when": when,
        "service": trigger.service,
        "function": trigger.function,
    }

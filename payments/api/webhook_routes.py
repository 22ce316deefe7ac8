"""Where processors tell of events: checked, noted, and looked into."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from payments.api.views import ProcessorName, WebhookOut
from payments.checkouts.looking import Lookout
from payments.metrics import PaymentsMetrics
from payments.processors.protocol import Processor
from wasmarket.kernel.errors import MarketError, NotFound
from wasmarket.serving.bodies import read_body

MAX_EVENT = 256 * 1024


def webhook_routes(
    processor: Processor,
    lookout: Lookout,
    metrics: PaymentsMetrics,
    now: Callable[[], int],
    on_event: Callable[[], None],
) -> APIRouter:
    """Return the route; `on_event` has the checkouts looked at now."""
    router = APIRouter(tags=["webhooks"])

    @router.post("/v1/webhooks/{name}")
    async def take_webhook(name: ProcessorName, request: Request) -> WebhookOut:
        """Take a processor's signed event. Not for others."""
        body = await read_body(request, MAX_EVENT)
        if name != processor.name:
            raise NotFound(f"payments here are taken by {processor.name}", field="name")
        try:
            event = processor.read_webhook(body, request.headers, now())
        except MarketError:
            metrics.webhooks.labels("refused").inc()
            raise
        is_known = await run_in_threadpool(lookout.hear, event)
        if is_known:
            on_event()
        return WebhookOut(known=is_known)

    return router

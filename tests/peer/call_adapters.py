"""The three ways by which a request comes to the call handler, over a host that echoes calls."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry

from peer.access import Access
from peer.api.fastpath.asgi import CallPath
from peer.api.fastpath.counts import CallCounts
from peer.api.fastpath.handler import CallHandler
from peer.api.fastpath.protocol import bind_protocol
from peer.api.fastpath.routes import create_call_router
from peer.hosting.served_assignment import Recorded
from peer.receipts.epoch_files import ChainHead
from peer.vouchers.book import VoucherBook
from tests.wasmarket.serving.raw_server import RawServer, serve_raw
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.http1.protocol import HttpProtocol
from wasmarket.serving.service import Readiness, ServiceInfo, ServiceStatus, create_service

ADAPTERS = ("protocol", "asgi", "framework")
LIMIT = 1_000
DEAL = 7
DOMAIN = market_domain(31_337, Address("0x" + "11" * 20))


class EchoHost:
    """One deal whose functions answer with the bytes that they get."""

    def __init__(self) -> None:
        self.access = SimpleNamespace(current=Access())
        self.deal = SimpleNamespace(id=DEAL, developer="0x" + "22" * 20)
        self.calls: list[Any] = []
        manifest = SimpleNamespace(limits=SimpleNamespace(input_bytes=LIMIT), site=None)
        version = SimpleNamespace(manifest=manifest)
        self.run = SimpleNamespace(assignment=3, workers=SimpleNamespace(version=version))

    def find(self, deal: int) -> "EchoHost":
        if deal != DEAL:
            raise NotFound(f"deal {deal} is not here")
        return self

    def pick(self) -> Any:
        return self.run

    def now(self) -> int:
        return 1_000_000

    def submit(self, run: Any, request: Any, deliver: Any) -> None:
        self.calls.append(request)
        chain: Any = SimpleNamespace(assignment=3)
        head = ChainHead(len(self.calls), b"\x01" * 32)
        deliver(Recorded(head, chain, 0, request.body, None))


def serve_calls(adapter: str, host: EchoHost) -> AbstractAsyncContextManager[RawServer]:
    """Serve the host's calls through one adapter."""
    registry = CollectorRegistry()
    app = create_service(
        ServiceInfo("peer", "test"),
        status=lambda: ServiceStatus(1, {}, None, None, None),
        readiness=lambda: Readiness(True),
        registry=registry,
    )
    some_host: Any = host
    book: Any = SimpleNamespace(peer=9)
    counts = CallCounts(app.state.requests, "peer", registry)
    calls = CallHandler(
        some_host,
        book,
        Authenticator(DOMAIN, host.now),
        counts,
        VoucherBook(Path("/nowhere"), DOMAIN),
    )
    app.include_router(create_call_router(calls))
    if adapter != "framework":
        app.add_middleware(CallPath, calls=calls)
    protocol = bind_protocol(calls) if adapter == "protocol" else HttpProtocol
    return serve_raw(app, protocol)

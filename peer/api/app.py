"""Put the peer's service together from its parts."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from peer.api.copies import create_copy_router
from peer.api.deals import create_deal_router
from peer.api.developer import create_developer_router
from peer.api.document import ReadDocument, create_peer_document_router
from peer.api.documents import create_document_router
from peer.api.fastpath.asgi import CallPath
from peer.api.fastpath.counts import CallCounts
from peer.api.fastpath.handler import CallHandler
from peer.api.fastpath.particles import ParticlePath
from peer.api.fastpath.routes import create_call_router
from peer.api.flows import create_flow_router
from peer.api.identity import Identify, create_identity_router
from peer.api.notices import create_notice_router
from peer.api.particles import create_particle_router, create_taker
from peer.api.receipts import create_receipt_router
from peer.api.scripts import create_script_router
from peer.api.triggers import create_trigger_router
from peer.api.vouchers import create_voucher_router
from peer.choreography.assembly import Choreography
from peer.copies.kept import KeptCopies
from peer.documents.sharing import DocumentSharing
from peer.duties.commitments import Commitments
from peer.hosting.host import Host
from peer.receipts.receipt_log import ReceiptLog
from peer.triggers.runner import TriggerRunner
from peer.vouchers.book import VoucherBook
from wasmarket.content.folder import BlockFolder
from wasmarket.content.routing_routes import create_routing_router
from wasmarket.content.trustless.routes import create_gateway_router
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.callers.addresses import Clients
from wasmarket.serving.service import (
    Lifespan,
    Readiness,
    ServiceInfo,
    ServiceStatus,
    create_service,
)


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """The peer's public key, how it proves it, and where the chain says that it is reached;
    empty: not known. `document` is what it says of itself."""

    key: bytes
    endpoint: Callable[[], str]
    identify: Identify
    document: ReadDocument


def create_app(
    info: ServiceInfo,
    host: Host,
    book: ReceiptLog,
    commitments: Commitments,
    vouchers: VoucherBook,
    blocks: BlockFolder,
    kept: KeptCopies,
    authenticator: Authenticator,
    sharing: DocumentSharing,
    choreography: Choreography | None,
    triggers: TriggerRunner,
    own: OwnPlace,
    *,
    status: Callable[[], ServiceStatus],
    readiness: Callable[[], Readiness],
    wake: Callable[[], None],
    registry: CollectorRegistry,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return the peer's service; `wake` makes the listener look at the chain."""
    app = create_service(
        info, status=status, readiness=readiness, registry=registry, lifespan=lifespan
    )
    # The call route would match "/v1/deals/7/receipts/5" by POST only; order does not matter.
    counts = CallCounts(app.state.requests, info.name, registry)
    calls = CallHandler(host, book, authenticator, counts, vouchers)
    app.include_router(create_flow_router(choreography, authenticator))
    app.include_router(create_call_router(calls))
    app.include_router(create_deal_router(host, choreography))
    app.include_router(create_trigger_router(host, triggers, authenticator))
    app.include_router(create_developer_router(host, book, authenticator))
    app.include_router(create_document_router(host, sharing))
    app.include_router(create_receipt_router(host, book, commitments))
    app.include_router(create_voucher_router(host, book, vouchers))
    app.include_router(create_copy_router(kept, authenticator))
    app.include_router(create_notice_router(host, wake))
    app.include_router(create_identity_router(own.identify))
    app.include_router(create_peer_document_router(own.document))
    clients = Clients(())
    take = create_taker(choreography, clients)
    app.include_router(create_particle_router(choreography, take))
    app.include_router(create_script_router(choreography, authenticator, clients))
    app.include_router(create_gateway_router(blocks))
    app.include_router(create_routing_router(blocks, own.key, own.endpoint))
    if choreography is not None:
        limit = choreography.caps.frame_bytes
        app.add_middleware(ParticlePath, calls=calls, take=take, limit=limit)
    app.add_middleware(CallPath, calls=calls)
    # For the protocol, which answers most calls before they come to the app.
    app.state.calls = calls
    return app

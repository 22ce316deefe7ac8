"""Put a peer together and serve it until it is told to stop."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from peer.api.app import OwnPlace, create_app
from peer.api.fastpath.protocol import bind_protocol
from peer.auditing.ballots import Ballots
from peer.auditing.jury import build_juror
from peer.chain_state.assembly import build_listener
from peer.chain_state.looking import build_looking
from peer.chain_state.view import ChainView
from peer.choreography.assembly import Choreography, read_settings
from peer.copies.kept import KeptCopies
from peer.disk import DiskWatch
from peer.documents.sharing import build_sharing, build_sharing_loop
from peer.duties.assembly import build_submitter
from peer.folder import PeerFolder, public_key
from peer.hosting.deal_context import DealContext
from peer.hosting.host import Host
from peer.hosting.retention import Retention, StorageRetention
from peer.hosting.self_test import SelfTest
from peer.hosting.sources import SourceHints
from peer.hosting.versions import Preparer
from peer.metrics import PeerMetrics
from peer.offers.selling import build_reconciler, create_matcher_client
from peer.own_document import OwnDocument
from peer.papers import open_papers
from peer.parts import PeerParts
from peer.report import Report
from peer.runtime.effectors.host import EffectorHost
from peer.runtime.effectors.metrics import EffectMetrics
from peer.runtime.sandbox.privileges import keep_memory_private
from peer.runtime.workers.cores import Cores
from peer.runtime.workers.spawner import WorkerSpawner
from peer.triggers.assembly import build_triggers
from peer.triggers.runner import TriggerRunner
from wasmarket.chain.contracts.bindings import MarketLens, Proofs
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.content.fetcher import Fetcher, FetchLimits
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.audits.times import RING_EPOCHS
from wasmarket.kernel.signing.identity import sign_identity
from wasmarket.kernel.signing.secrets import SecretOpener
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.daemon import Loops, Pace, TaskLoop, ThreadLoop
from wasmarket.serving.nonce_files import SYNC_SECONDS, NonceFiles
from wasmarket.serving.outbound_http import create_async_client
from wasmarket.serving.server import bind, serve
from wasmarket.serving.service import ServiceInfo

logger = logging.getLogger(__name__)

OFFER_SECONDS = 1.0
"""Pause between looks at what is to be offered."""

DISK_SECONDS = 1.0
"""Pause between looks at the disk."""

COPY_SECONDS = 2.0
REMOTE_COPY_SECONDS = 5.0
"""Pause between looks at what is to be copied, into folders and elsewhere."""

JURY_SECONDS = 2.0
"""Pause between looks at what is to be judged."""

RECEIPT_PAUSE = 5.0
"""Most seconds between tries while the disk is full."""

STARTS_AT_ONCE = 2
"""Deals that start workers at the same time; a start keeps a core busy."""


def run_peer(parts: PeerParts, *, rpc_url: str, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` gets the URL once it answers.

    Raises PortInUse, ConfigError, Conflict if another process has the folder.
    """
    keep_memory_private()
    state = PeerFolder(parts.folder)
    with state.lock(), Rpc(rpc_url) as rpc:
        listener = bind(parts.settings.host, parts.settings.port)
        try:
            peer = PeerProcess(parts, rpc, state)
        except BaseException:
            listener.close()
            raise
        serve(peer.app, listener, on_ready, bind_protocol(peer.app.state.calls))


class PeerProcess:
    """The parts of one peer; `app` starts and stops them with its lifespan."""

    def __init__(self, parts: PeerParts, rpc: Rpc, folder: PeerFolder) -> None:
        settings, deployment = parts.settings, parts.deployment
        key = folder.load_key()
        parameters = deployment.parameters
        # An answer must be on chain before ACCEPT_SECONDS are over.
        fetch_seconds = min(settings.fetch_seconds, parameters.accept_seconds / 2)
        self._settings = settings
        self._stop = threading.Event()
        self._http = create_async_client(parts.outbound)
        blocks = BlockFolder(folder.blocks)
        self._disk = DiskWatch(folder.path, settings.reserve_bytes)
        domain = market_domain(deployment.chain_id, deployment.market)
        self._listener = build_listener(parts, rpc, folder.chain, key)
        self._looking = build_looking(self._listener, parts.websocket, settings.poll_seconds)
        papers = self._papers = open_papers(
            folder,
            settings,
            deployment,
            parts.wallet,
            Proofs(rpc, deployment),
            self._read_time,
        )
        self._book, self._commitments = papers.book, papers.commitments
        self._ballots = Ballots(folder.path / "ballots")
        self._submitter = build_submitter(
            parts,
            rpc,
            folder.path / "wallet.lock",
            papers,
            self._ballots,
            lambda: self._host.outlook,
            # Calls come as soon as an activation is on chain: see it now, not at the next poll.
            on_sent=self._look_now,
            stop=self._stop,
        )
        registry = CollectorRegistry()
        self._spawner = WorkerSpawner(
            Cores(os.sched_getaffinity(0) if settings.pin_workers else ())
        )
        self._self_test = SelfTest(folder.path / "self-test", folder.cache, self._spawner)
        self._effectors = EffectorHost(
            blocks,
            folder.cache / "content",
            self._http,
            trusted=settings.http_trusted,
            find_programs=lambda: parts.policy.current.programs,
            find_networked=lambda: parts.policy.current.networked_programs,
            metrics=EffectMetrics(registry),
            has_room=lambda: self._disk.has_room,
        )
        self._nonces = NonceFiles(folder.path / "nonces")
        lens = MarketLens(rpc, deployment)
        self._sharing = build_sharing(self._http, domain, self._listener, lens)
        fetcher = Fetcher(blocks, self._http, FetchLimits(source_seconds=fetch_seconds / 4))
        preparer = Preparer(
            fetcher,
            parts.policy,
            folder.cache / "modules",
            fetch_seconds,
            self._self_test.find_schedules,
        )
        self._juror = build_juror(
            folder,
            self._ballots,
            rpc,
            deployment,
            fetcher,
            preparer,
            self._spawner,
            settings.gateways,
            self._listener.find_apps,
            self._act_now,
        )
        self._host = Host(
            folder,
            DealContext(
                preparer=preparer,
                policy=parts.policy,
                book=self._book,
                hints=SourceHints(),
                gateways=settings.gateways,
                cache=folder.cache,
                effectors=self._effectors,
                spawner=self._spawner,
                idle_seconds=settings.idle_seconds,
                starting=asyncio.Semaphore(STARTS_AT_ONCE),
                retry_seconds=settings.retry_seconds,
                reserve_bytes=settings.reserve_bytes,
                log_bytes=settings.log_bytes,
                ask_documents=self._sharing.ask,
                opener=SecretOpener(key.private_bytes_raw()),
                check_host=self._self_test.check,
            ),
            on_outlook=self._act_now,
        )
        self._storage_retention = StorageRetention(
            folder,
            blocks,
            self._host,
            self._book,
            self._effectors,
            self._commitments,
            (self._papers.copies.prune, self._papers.remote.prune),
            Retention(
                settings.keep_storage_seconds,
                max(settings.keep_receipt_epochs, RING_EPOCHS),
                parameters.proof_window,
                settings.keep_code_bytes,
            ),
        )
        scripts = read_settings(settings, folder)
        self._choreography = None
        if scripts is not None:
            self._choreography = Choreography(
                scripts,
                key,
                domain,
                self._host,
                self._listener,
                lens,
                self._http,
                parts.outbound,
                self._spawner,
                self._book,
                version=parts.version,
                has_room=lambda: self._disk.has_room,
            )
        self._matchers = create_matcher_client()
        self._reconciler = None
        if parts.seller is not None:
            self._reconciler = build_reconciler(
                parts.seller,
                rpc,
                deployment,
                parts.policy,
                folder.path / "offers.json",
                self._find_peers,
                self._matchers,
                may_sell=lambda: self._self_test.may_sell is not False,
            )
        self._triggers = build_triggers(
            parts, self._host, folder, self._http, self._listener, rpc, self._choreography
        )
        self._build_loops()
        report = Report(
            deployment,
            parts.wallet.address,
            parts.policy,
            self._host,
            self.loops,
            self._storage_retention,
            self._reconciler,
            lambda: self._book.problems() + self._submitter.problems(),
        )
        registry.register(PeerMetrics(self._host))
        registry.register(self.loops)
        if self._choreography is not None:
            registry.register(self._choreography.metrics)
        now = self._host.now
        self.app = create_app(
            ServiceInfo("peer", parts.version),
            self._host,
            self._book,
            self._commitments,
            self._papers.vouchers,
            blocks,
            KeptCopies(
                folder.kept, lambda: parts.policy.current.copies, lambda: self._disk.has_room
            ),
            Authenticator(domain, now, nonces=self._nonces, peer=lambda: self._book.peer),
            self._sharing,
            self._choreography,
            self._triggers.runner,
            OwnPlace(
                raw(public_key(key)),
                lambda: self._listener.endpoint,
                lambda challenge: sign_identity(key, domain, self._listener.number, challenge),
                OwnDocument.of_peer(parts, key, domain, lambda: self._listener.number, now).read,
            ),
            status=report.status,
            readiness=report.readiness,
            wake=self._look_now,
            registry=registry,
            lifespan=self._lifespan,
        )

    def _build_loops(self) -> None:
        settings = self._settings
        self._submitting = ThreadLoop(
            "submitting",
            self._submitter.act,
            Pace(self._submitter.pause, longest_pause=settings.retry_seconds),
            explain=self._submitter.explain,
        )
        receipts = ThreadLoop(
            "receipts",
            self._book.flush,
            Pace(None, gather=settings.receipt_flush_ms / 1_000, longest_pause=RECEIPT_PAUSE),
        )
        self._book.on_news = receipts.wake
        self._papers.vouchers.on_news = self._act_now
        calm = Pace(None, longest_pause=settings.retry_seconds)
        self.loops = Loops(
            *self._looking,
            self._submitting,
            receipts,
            ThreadLoop("copies", self._papers.copies.step, Pace(COPY_SECONDS)),
            ThreadLoop("disk", self._disk.look, Pace(DISK_SECONDS, longest_pause=DISK_SECONDS)),
            TaskLoop("self-test", self._self_test.step, calm),
            TaskLoop("retention", self._storage_retention.sweep, Pace(settings.sweep_seconds)),
            TaskLoop("nonces", self._nonces.keep, Pace(SYNC_SECONDS)),
            TaskLoop("jury", self._juror.step, Pace(JURY_SECONDS)),
            build_sharing_loop(self._sharing, self._host.deals.values),
            *self._triggers.build_loops(),
        )
        if self._papers.remote.is_used:
            pace = Pace(REMOTE_COPY_SECONDS)
            self.loops.add(ThreadLoop("remote copies", self._papers.remote.step, pace))
        if self._choreography is not None:
            self.loops.add(self._choreography.host.sweeping)
        if self._reconciler is not None:
            pace = Pace(OFFER_SECONDS, longest_pause=OFFER_SECONDS)
            self.loops.add(ThreadLoop("offers", self._keep_offers, pace))

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def take(chain_view: ChainView) -> None:
            loop.call_soon_threadsafe(self.take, chain_view)
            self._submitter.notify(chain_view)
            self._juror.take(chain_view)
            self._submitting.wake()

        self._listener.subscribe(take)
        self._listener.restore()
        if self._choreography is not None:
            await self._choreography.start()
        self.loops.start()
        await self._spawner.start()
        try:
            yield
        finally:
            self._stop.set()
            self.loops.ask_to_stop()
            if self._choreography is not None:
                await self._choreography.close()
            await self._triggers.close()
            await self._host.close()
            await self.loops.close()
            self._book.close()
            self._papers.remote.close()
            await self._juror.close()
            await self._spawner.close()
            await self._effectors.close()
            await self._http.aclose()
            self._matchers.close()
            self._nonces.close()

    @property
    def host(self) -> Host:
        """All deals of the peer."""
        return self._host

    @property
    def triggers(self) -> TriggerRunner:
        """What calls functions by the clock."""
        return self._triggers.runner

    def take(self, chain_view: ChainView) -> None:
        """Take what the chain says now; on the event loop."""
        if self._choreography is not None:
            self._choreography.take(chain_view)
        self._host.take(chain_view)

    def _keep_offers(self) -> None:
        # None: what stands stays until it is known whether it can be served.
        if self._reconciler is not None and self._self_test.may_sell is not None:
            self._reconciler.take_turn()

    def _look_now(self) -> None:
        self._looking[0].wake()

    def _act_now(self) -> None:
        self._submitting.wake()

    def _read_time(self) -> int:
        """Return the chain's time as last seen. Raises Unreachable before that."""
        return self._host.now()

    def _find_peers(self) -> tuple[int, ...] | None:
        chain_view = self._listener.chain_view
        return None if chain_view is None else (chain_view.peer,)

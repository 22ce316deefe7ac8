"""Put a meter together and serve it until it is told to stop."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from meter.accuser import Accuser, AuditContracts
from meter.api import create_intake_router, create_usage_router
from meter.chain.reader import ChainReader
from meter.checks import EpochChecker, Suspicion
from meter.heads import HeadIntake
from meter.journal import Journal
from meter.papers.fetch import PaperFetcher
from meter.process import Metering
from meter.rerun import Execute, Reruns
from meter.seen import SeenCalls
from meter.settings import MeterSettings
from meter.vouchers import VoucherClerk
from meter.witness import CallWitness, prune_inputs
from wasmarket.chain.contracts.bindings import Audits, Erc20, Market
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.follower import Follower
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.transactions import Submitter
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.audits.juries import JURY
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.serving.daemon import Loops, Pace, ThreadLoop
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outbound_http import create_client
from wasmarket.serving.server import serve_process
from wasmarket.serving.service import (
    HostedPart,
    ServiceInfo,
    ServiceStatus,
    build_status,
    create_looped_service,
)

logger = logging.getLogger(__name__)

JOURNAL_FILE = "journal.jsonl"
INPUTS = "inputs"
LONGEST_PAUSE = 10.0


@dataclass(frozen=True, slots=True)
class MeterParts:
    """What the composition root gives a meter."""

    settings: MeterSettings
    deployment: Deployment
    account: Account
    """Signs usage, and pays for asks and transactions."""
    sender: Submitter
    folder: Path
    outbound: Outbound
    version: str
    confirmations: int = 0
    check_headers: bool = True
    execute: Execute | None = None
    """Runs calls again; None: this process does not run functions."""
    watches_all: bool = False
    """Whether it audits the deals of everybody, for the shares, and signs nothing."""


def run_meter(parts: MeterParts, *, rpc: Rpc, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` gets the URL once it answers.

    Raises Conflict if another meter writes the journal, PortInUse.
    """
    # First: who starts a second meter is told of the first one, not of its port.
    process = MeterProcess(parts, rpc)
    serve_process(process, parts.settings.host, parts.settings.port, on_ready)


class MeterProcess:
    """The parts of one meter; a service of its own starts and stops them, or its host."""

    def __init__(self, parts: MeterParts, rpc: Rpc) -> None:
        settings, deployment = parts.settings, parts.deployment
        parameters = deployment.parameters
        domain = market_domain(deployment.chain_id, deployment.market)
        self._deployment = deployment
        self._account = parts.account
        self._client = create_client(parts.outbound, timeout=settings.request_seconds)
        self.journal = Journal(parts.folder / JOURNAL_FILE)
        fetcher = PaperFetcher(self._client)
        reader = ChainReader(
            Follower(
                rpc,
                deployment,
                Decoder(deployment),
                confirmations=parts.confirmations,
                check_headers=parts.check_headers,
            ),
            parameters.epoch_seconds,
        )
        contracts = AuditContracts(
            Market(rpc, deployment), Audits(rpc, deployment), Erc20(rpc, deployment.flt.address)
        )
        self._accuser = Accuser(
            self.journal,
            contracts,
            parts.sender,
            ask_fee=parameters.ask_fee,
            stake=parameters.stake + JURY * parameters.juror_fee,
            budget=settings.budget,
            accuses=settings.accuse,
        )
        self.seen = SeenCalls(self.journal, parts.folder / INPUTS, lambda: self.metering.facts)
        self.reruns = (
            None
            if parts.execute is None
            else Reruns(parts.execute, self.seen.read_input, settings.rerun_percent / 100)
        )
        self._checker = EpochChecker(
            self.journal,
            fetcher.fetch,
            self._act,
            proof_window=parameters.proof_window,
            patience=settings.patience_epochs,
            reruns=self.reruns,
        )
        self._clerk = (
            None
            if parts.watches_all
            else VoucherClerk(self.journal, domain, parts.account, self._client)
        )
        self.metering = Metering(
            reader,
            self.journal,
            self._checker,
            self._accuser,
            self._clerk,
            None if parts.watches_all else parts.account.address,
        )
        self._metering_loop = ThreadLoop(
            "metering",
            self.metering.step,
            Pace(settings.poll_seconds, longest_pause=LONGEST_PAUSE),
        )
        self.heads = HeadIntake(
            self.journal, domain, lambda: self.metering.facts, fetcher.fetch_receipt
        )
        self._usage_router = create_usage_router(
            self.metering, self.journal, self._clerk, self._block
        )
        self._version = parts.version
        self.witness = CallWitness(
            self.heads,
            self.seen,
            self.metering,
            share=settings.seen_percent / 100,
            most_input=settings.seen_input_bytes,
            prune=lambda: prune_inputs(parts.folder / INPUTS, settings.seen_bytes),
        )

    def create_app(self) -> FastAPI:
        """Return the meter as a service of its own."""
        loops = Loops(self._metering_loop)
        app = create_looped_service(
            ServiceInfo("meter", self._version),
            loops,
            status=self._status,
            obstacles=self._obstacles,
            close=self.close,
        )
        app.include_router(self._usage_router)
        app.include_router(create_intake_router(self.journal, self.heads, self.seen))
        return app

    def build_hosted(self) -> HostedPart:
        """Return the meter as a part of another service, whose calls `witness` hears of.

        Its routes are those that strangers may use.
        """
        pace = Pace(None, longest_pause=LONGEST_PAUSE)
        witnessing = ThreadLoop("witness", self.witness.step, pace)
        self.witness.on_news = witnessing.wake
        return HostedPart(
            name="meter",
            loops=(self._metering_loop, witnessing),
            router=self._usage_router,
            status=self._tell,
            obstacles=self._obstacles,
            close=self.close,
        )

    def _act(self, suspicion: Suspicion) -> bool:
        return self._accuser.act(self.metering.facts, suspicion)

    def close(self) -> None:
        """Let go of connections and the journal."""
        self._client.close()
        self.journal.close()

    def _block(self) -> int:
        head = self.metering.facts.head
        return 0 if head is None else head.number

    def _status(self) -> ServiceStatus:
        facts = self.metering.facts
        block = None if facts.head is None else facts.head.number
        return build_status(self._deployment, head=block, indexed=block, extra=self._tell())

    def _tell(self) -> dict[str, Any]:
        facts = self.metering.facts
        return {
            "meter": self._account.address,
            "epoch": facts.epoch,
            "assignments": [held.id for held in self.metering.find_concerned(facts)],
            "cases": sorted(self.journal.cases),
            "silent": {str(number): why for number, why in self._checker.silent.items()},
            "undelivered": {
                str(number): why
                for number, why in (self._clerk.silent if self._clerk else {}).items()
            },
        }

    def _obstacles(self) -> list[str]:
        return [self._accuser.obstacle] if self._accuser.obstacle else []

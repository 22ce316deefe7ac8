"""Put a keeper together and serve it until it is told to stop."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from keeper.book import KeeperBook
from keeper.clock import KeeperClock, Now
from keeper.duties.alarms import Alarms, Watched
from keeper.duties.funding import Funder
from keeper.duties.monthly import MonthlyStatements, StatementSource, WritePdf
from keeper.duties.payouts import Claimer, PayoutDuty
from keeper.duties.runways import Runways
from keeper.notices import Notices, build_channels
from keeper.policy import KeeperPolicy
from keeper.settings import KeeperSettings
from wasmarket.kernel.deployment import Deployment
from wasmarket.serving.daemon import Loops, Pace, ThreadLoop
from wasmarket.serving.server import serve_process
from wasmarket.serving.service import (
    ServiceInfo,
    ServiceStatus,
    build_status,
    create_looped_service,
)

JOURNAL_FILE = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class KeeperParts:
    """What the composition root gives a keeper; accounts by the keys of the rules."""

    settings: KeeperSettings
    policy: KeeperPolicy
    policy_folder: Path
    """What files in the policy are relative to."""
    folder: Path
    deployment: Deployment
    funders: Mapping[str, Funder]
    claimers: Mapping[str, Claimer]
    watched: Mapping[str, Watched]
    statements: Mapping[str, StatementSource]
    write_pdf: WritePdf
    read_time: Callable[[], int]
    read_gas_price: Callable[[], int]
    http: httpx.Client
    """For webhooks, which the operator names."""
    version: str
    count_seconds: Callable[[], float] = time.monotonic
    """By which the age of what the chain said is told."""


def run_keeper(parts: KeeperParts, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` gets the URL once it answers.

    Raises Conflict if another keeper writes the journal, ConfigError, PortInUse.
    """
    process = KeeperProcess(parts)
    serve_process(process, parts.settings.host, parts.settings.port, on_ready)


class KeeperProcess:
    """The parts of one keeper."""

    def __init__(self, parts: KeeperParts) -> None:
        policy, deployment = parts.policy, parts.deployment
        channels = build_channels(policy.notices, parts.http, base=parts.policy_folder)
        self._parts = parts
        self.book = KeeperBook(parts.folder / JOURNAL_FILE)
        self.notices = Notices(self.book, channels)
        self._clock = KeeperClock(parts.read_time, deployment, parts.count_seconds)
        self._now = Now(0, 0)
        self.runways = Runways(
            policy.runways,
            parts.funders,
            self.book,
            self.notices,
            self._clock,
            epoch_seconds=deployment.parameters.epoch_seconds,
            days=policy.notices.days,
        )
        self.payouts = PayoutDuty(
            policy.payouts,
            parts.claimers,
            self.book,
            self.notices,
            lambda: self._now.epoch,
            parts.read_gas_price,
        )
        self.monthly = MonthlyStatements(
            policy.statements,
            parts.statements,
            self.book,
            self.notices,
            parts.write_pdf,
            base=parts.policy_folder,
        )
        self.alarms = Alarms(policy.alarms, parts.watched, self.notices)

    def step(self) -> None:
        """Do what is due for deals and earnings, and send notices."""
        try:
            self._now = self._clock.look()
            self.runways.step()
            self.payouts.step()
            self.monthly.step(self._now.timestamp)
        finally:
            self.notices.deliver()

    def watch(self) -> None:
        """Look at peers once."""
        try:
            self.alarms.step(self._clock.look().epoch)
        finally:
            self.notices.deliver()

    def create_app(self) -> FastAPI:
        """Return the keeper as a service."""
        settings = self._parts.settings
        loops = Loops(ThreadLoop("keeping", self.step, Pace(settings.poll_seconds)))
        if self._parts.policy.alarms:
            loops.add(ThreadLoop("alarms", self.watch, Pace(settings.alarm_seconds)))

        def find_obstacles() -> list[str]:
            unsent = [self.notices.problem] if self.notices.problem else []
            return self.runways.obstacles + unsent

        return create_looped_service(
            ServiceInfo("keeper", self._parts.version),
            loops,
            status=self._status,
            obstacles=find_obstacles,
            close=self.close,
        )

    def close(self) -> None:
        """Let go of connections and the journal."""
        self._parts.http.close()
        self.book.close()

    def _status(self) -> ServiceStatus:
        extra: dict[str, Any] = {
            "obstacles": self.runways.obstacles,
            "waiting": self.payouts.waiting,
            "unfinished": self.book.unfinished(),
        }
        return build_status(self._parts.deployment, extra=extra)

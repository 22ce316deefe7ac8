"""Write the generated files, or with `--check` fail when one is stale.

ABIs and the page of the contracts come from their sources, OpenAPI pages from the services'
routes, the list of reasons from `wasmarket/kernel/reasons.py`. Nothing is started: services are
put together over an empty chain.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI

from gateway.directory.from_store import StoreDirectory
from gateway.run import GatewayParts, create_gateway
from gateway.settings import GatewaySettings
from matcher.run import build_matcher
from matcher.settings import MatcherSettings
from meter.run import MeterParts, MeterProcess
from meter.settings import MeterSettings
from payments.processors.sandbox_client import SandboxProcessor
from payments.quoting.rates import FixedRates
from payments.run import PaymentsChain, build_payments
from payments.sandbox.book import SandboxBook
from payments.sandbox.run import create_sandbox
from payments.settings import PaymentsSettings
from peer.folder import PeerFolder
from peer.parts import PeerParts
from peer.policy.file import PolicyFile
from peer.run import PeerProcess
from peer.settings import PeerSettings
from tools.contract_docs.page import build_page
from tools.store_page import build_store_page
from wasmarket import __version__
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.fates import FateReader
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.reasons import (
    BatchReason,
    DropReason,
    EndKind,
    FillReason,
    LeaveReason,
    describe,
)
from wasmarket.serving.daemon import Loops
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.testing.fake_chain import FakeChain, fake_deployment
from wasmarket.testing.fake_sender import FakeSender

ROOT = Path(__file__).resolve().parent.parent
KEY = b"\x01" * 32
REASONS = (
    ("Fills that `match` skipped", FillReason),
    ("Assignments that a batch skipped", BatchReason),
    ("Why a peer leaves or rejects", LeaveReason),
    ("Why a developer drops", DropReason),
)


def build_services(folder: Path) -> Iterator[tuple[str, FastAPI]]:
    """Put each service together over an empty chain; `folder` takes its files."""
    deployment = fake_deployment()
    chain = FakeChain(deployment)
    account = Account.from_key(KEY)
    database = open_database(sqlite_url(folder / "store.sqlite"))
    with create_http_client() as http:
        matcher = build_matcher(
            MatcherSettings(),
            database=database,
            deployment=deployment,
            reader=chain,
            sender=FakeSender(chain, account.address),
            version=__version__,
            http=http,
        )
    yield "matcher", matcher.app
    parts = GatewayParts(
        version=__version__,
        deployment=deployment,
        directory=StoreDirectory(database),
        outbound=Outbound(allow_private=False),
        folder=folder / "gateway",
        now=lambda: chain.fetch_head().timestamp,
        refresh=chain.fetch_head,
    )
    yield "gateway", create_gateway(GatewaySettings(), parts)
    yield from build_payment_services(folder, database, chain)
    with Rpc("http://127.0.0.1:1") as rpc:
        own = PeerParts(
            settings=PeerSettings(),
            deployment=deployment,
            wallet=account,
            folder=folder / "peer",
            policy=PolicyFile(),
            outbound=Outbound(allow_private=False),
            version=__version__,
        )
        yield "peer", PeerProcess(own, rpc, PeerFolder(own.folder)).app
        metering = MeterParts(
            settings=MeterSettings(),
            deployment=deployment,
            account=account,
            sender=FakeSender(chain, account.address),
            folder=folder / "meter",
            outbound=Outbound(allow_private=False),
            version=__version__,
        )
        yield "meter", MeterProcess(metering, rpc).create_app()
    database.close()


def build_payment_services(
    folder: Path, database: Database, chain: FakeChain
) -> Iterator[tuple[str, FastAPI]]:
    """Put the payment gateway and its sandbox together over an empty chain."""
    sender = FakeSender(chain, Account.from_key(KEY).address)
    with create_http_client() as http, Rpc("http://127.0.0.1:1") as rpc:
        gateway = build_payments(
            PaymentsSettings(),
            database=database,
            deployment=chain.deployment,
            chain=PaymentsChain(
                chain, sender, FateReader(rpc, sender.address), rpc.fetch_balance, lambda: 0
            ),
            processor=SandboxProcessor(http, "http://127.0.0.1:1", "key", ("secret",)),
            rates=FixedRates(PaymentsSettings()),
            version=__version__,
            public_url="http://127.0.0.1:1",
        )
        yield "payments", gateway.app
    book = SandboxBook(folder / "sandbox.jsonl", now=lambda: 0, page_url=str)
    yield "sandbox", create_sandbox(book, "key", __version__, Loops(), "http://127.0.0.1:1")
    book.close()


def build_reasons() -> str:
    """Return the page of all numbered reasons."""
    lines = [
        "# Reasons",
        "",
        "Generated from `wasmarket/kernel/reasons.py`; the contracts use the same numbers.",
        "",
    ]
    for title, kind in REASONS:
        lines += [f"## {title}", "", "| number | reason |", "|---|---|"]
        lines += [f"| {entry.value} | {describe(entry)} |" for entry in kind]
        lines.append("")
    lines += ["## `Ended.kind`", "", "| number | kind |", "|---|---|"]
    lines += [f"| {entry.value} | {entry.name.lower()} |" for entry in EndKind]
    return "\n".join(lines) + "\n"


def build_files() -> Iterator[tuple[Path, str]]:
    """Yield every generated file but the ABIs, with its text."""
    yield ROOT / "docs" / "reasons.md", build_reasons()
    yield ROOT / "docs" / "contracts.md", build_page()
    yield ROOT / "docs" / "reference" / "store.md", build_store_page()
    with tempfile.TemporaryDirectory() as folder:
        for name, app in build_services(Path(folder)):
            text = json.dumps(app.openapi(), indent=1, sort_keys=True) + "\n"
            yield ROOT / "docs" / "openapi" / f"{name}.json", text


def main() -> int:
    """Write or check; say what changed or is stale."""
    check = "--check" in sys.argv[1:]
    abi = [sys.executable, str(ROOT / "scripts" / "export_abi.py"), *(["--check"] if check else [])]
    failed = subprocess.run(abi, cwd=ROOT, check=False).returncode
    for path, text in build_files():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        name = path.relative_to(ROOT)
        if check:
            print(f"{name} is stale; run `make generate`")
            failed = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return failed


if __name__ == "__main__":
    sys.exit(main())

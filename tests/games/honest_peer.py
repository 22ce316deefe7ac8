"""A peer as it ships but for its workers: receipts, roots, answers, vouchers, draws and votes."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from peer.api.receipts import create_receipt_router
from peer.api.vouchers import create_voucher_router
from peer.auditing.ballots import Ballots
from peer.auditing.executor import Reexecuted
from peer.auditing.juror import Juror, Sources
from peer.chain_state.listener import Listener
from peer.chain_state.view import Assignment, ChainView, Deal, State, is_serving
from peer.duties.due_calls import Outlook
from peer.duties.submitter import DutyContracts, DutySubmitter
from peer.folder import PeerFolder, public_key
from peer.papers import PeerPapers, open_papers
from peer.receipts.chain_file import CallRecord
from peer.settings import PeerSettings
from peer.vouchers.credit import Credit, work_limit
from tests.games import truth
from tests.games.bad_node import connect
from tests.games.front import Front
from tests.games.power import Power
from tests.peer.market_world import MarketWorld
from wasmarket.chain.contracts.bindings import Audits, Market, MarketLens, Meter, Proofs
from wasmarket.chain.reading.follower import Follower
from wasmarket.chain.sending.sender import Sender
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.documents.receipts import CallStatus
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.heads import SignedHead
from wasmarket.kernel.units import Hash
from wasmarket.serving.service import Readiness, ServiceInfo, ServiceStatus, create_service

TERMS = Credit(credit=60, least_redeem=1)
"""Some thirty calls, so that vouchers are redeemed in the middle of a game."""


@dataclass(frozen=True)
class Served:
    """A call that was answered: what its caller knows of it."""

    receipt: str
    body: bytes
    head: SignedHead | None


@dataclass(frozen=True)
class _Hosted:
    deal: Deal
    assignments: dict[int, Assignment]
    credit: int = TERMS.credit


class _Hosting:
    """What the API asks of the services."""

    credit = TERMS.credit

    def __init__(self, peer: "HonestPeer") -> None:
        self._peer = peer

    @property
    def chain_view(self) -> ChainView | None:
        return self._peer.view

    def find(self, deal: int) -> _Hosted:
        view = self._peer.view
        if view is None or deal not in view.deals:
            raise NotFound(f"this peer has no part in deal {deal}")
        held = {i: a for i, a in view.assignments.items() if a.deal == deal}
        return _Hosted(view.deals[deal], held)


class _Executor:
    async def execute(self, app: Hash, function: bytes, body: bytes) -> Reexecuted:
        return Reexecuted(truth.run_again(bytes.fromhex(app[2:]), function, body))

    async def close(self) -> None:
        """There are no workers."""


class HonestPeer:
    """One peer; `start` after each `kill`. `inputs`: contents that jurors can have, by digest."""

    def __init__(
        self,
        world: MarketWorld,
        front: Front,
        folder: Path,
        name: str,
        power: Power,
        rng: random.Random,
        inputs: dict[bytes, bytes],
        provider: Account,
        copies: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self._world, self._front, self._rng, self._inputs = world, front, rng, inputs
        self._folder = folder
        self._settings = PeerSettings(settle_blocks=5, receipt_copies=copies)
        self.rpc, self.node = connect(world.anvil.url, power, rng)
        self.wallet = world.next_wallet()
        self.key = public_key(PeerFolder(folder).load_key())
        self.number = world.register_peer(
            self.key, self.wallet.address, f"{front.url}/{name}", provider=provider
        )
        self.view: ChainView | None = None
        self.papers: PeerPapers | None = None
        self._lock: IO[str] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not killed since."""
        return self.papers is not None

    def start(self) -> None:
        """Open what earlier runs left, and serve."""
        world, rpc, wallet = self._world, self.rpc, self.wallet
        deployment, decoder = world.deployment, world.decoder
        state = PeerFolder(self._folder)
        self._lock = state.lock()
        proofs = Proofs(rpc, deployment)
        papers = self.papers = open_papers(
            state, self._settings, deployment, wallet, proofs, lambda: rpc.fetch_head().timestamp
        )
        ballots = Ballots(state.path / "ballots")
        self._listener = Listener(
            Follower(rpc, deployment, decoder),
            MarketLens(rpc, deployment),
            deployment,
            path=state.chain,
            key=self.key,
            wallet=wallet.address,
        )
        self._submitter = DutySubmitter(
            Sender(
                rpc,
                wallet,
                chain_id=deployment.chain_id,
                decoder=decoder,
                lock=state.path / "wallet.lock",
                poll=0.02,
            ),
            DutyContracts(
                Market(rpc, deployment),
                proofs,
                Audits(rpc, deployment),
                Meter(rpc, deployment),
            ),
            deployment,
            papers,
            ballots,
            self._look_out,
            settle_blocks=self._settings.settle_blocks,
            read_work=lambda: papers.read_work(TERMS),
            # Chain time passes without the clock's: what failed is tried again in the next turn.
            retry_seconds=0.0,
        )
        self._juror = Juror(
            ballots,
            _Executor(),
            Sources(self._read_calldata, self._fetch_input, self._listener.find_apps),
            deployment.parameters.epoch_seconds,
            lambda: None,
        )
        self._listener.subscribe(self._take)
        self._listener.restore()
        self._front.apps[self.name] = self._build_api()

    def step(self) -> None:
        """Take a turn of every loop that has to do with the chain."""
        assert self.papers is not None
        self._listener.step()
        asyncio.run(self._juror.step())
        self.papers.book.flush()
        self.papers.copies.step()
        self._submitter.act()

    def kill(self) -> None:
        """End at once; the operating system gives the locks back."""
        self._front.apps.pop(self.name, None)
        papers, self.papers, self.view = self.papers, None, None
        if papers is not None:
            papers.book.close()
        if self._lock is not None:
            self._lock.close()

    def find_served(self) -> list[Assignment]:
        """Return the assignments that calls are answered for."""
        view = self.view
        if view is None:
            return []
        return [
            held
            for held in view.assignments.values()
            if held.state in (State.ACTIVE, State.METERED)
            and is_serving(held, view.deals[held.deal], view.epoch)
        ]

    def has_credit(self, held: Assignment) -> bool:
        """Say whether a call of a metered assignment would be answered."""
        assert self.papers is not None
        done = self.papers.book.open(held.id, held.deal).work_done
        return held.state != State.METERED or done < work_limit(held, TERMS.credit)

    def call(self, held: Assignment, body: bytes, *, wants_head: bool = False) -> Served:
        """Answer a call, as the served assignment does: the receipt is on the disk first."""
        assert self.papers is not None
        assert self.view is not None
        book = self.papers.book
        chain = book.open(held.id, held.deal, self.view.deals[held.deal].offer)
        head = book.append(
            chain,
            CallRecord(
                app=truth.APP,
                function=truth.FUNCTION,
                input=sha256(body),
                output=truth.output_of(body),
                status=int(CallStatus.ANSWERED),
                fuel=truth.fuel_of(body),
                size=truth.size_of(body),
                duration_us=5,
                time=self.view.head.timestamp,
            ),
        )
        signed = book.sign(chain, head) if wants_head else None
        return Served(f"{held.id}:{head.sequence}:{head.hash.hex()}", body, signed)

    def _take(self, view: ChainView) -> None:
        assert self.papers is not None
        self.view = view
        self.papers.book.peer = view.peer
        self._submitter.notify(view)
        self._juror.take(view)

    def _look_out(self) -> Outlook:
        held = {} if self.view is None else self.view.assignments
        return Outlook(frozenset(i for i, a in held.items() if a.state == State.PENDING))

    def _read_calldata(self, tx: Hash) -> bytes:
        found: Any = self.rpc.request("eth_getTransactionByHash", [tx])
        if not isinstance(found, dict):
            raise NotFound(f"the node does not know the transaction {tx}")
        return bytes.fromhex(found["input"][2:])

    async def _fetch_input(self, digest: bytes) -> bytes:
        with suppress(KeyError):
            return self._inputs[digest]
        raise NotFound("nobody has the input")

    def _build_api(self) -> FastAPI:
        assert self.papers is not None
        app = create_service(
            ServiceInfo("peer", "games"),
            status=lambda: ServiceStatus(0, {}, None, None, None),
            readiness=lambda: Readiness(True),
            registry=CollectorRegistry(),
        )
        hosting: Any = _Hosting(self)
        app.include_router(
            create_receipt_router(hosting, self.papers.book, self.papers.commitments)
        )
        app.include_router(create_voucher_router(hosting, self.papers.book, self.papers.vouchers))
        return app

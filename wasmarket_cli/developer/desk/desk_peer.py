"""A real peer without a chain: what it would read there is said by the desk."""

import asyncio
import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tomli_w

from peer.chain_state.view import Assignment, ChainView, Deal, OnchainDealState, State
from peer.folder import PeerFolder
from peer.hosting.deal_host import DealHost
from peer.parts import PeerParts
from peer.policy.file import PolicyFile
from peer.run import PeerProcess
from peer.settings import PeerSettings
from wasmarket import __version__
from wasmarket.app.file import App
from wasmarket.chain.reading.blocks import BlockRef
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.wallet import Account
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.addresses import ZERO_HASH, to_address
from wasmarket.kernel.deployment import (
    CONTRACTS,
    DeployedContract,
    Deployment,
    Parameters,
    Token,
)
from wasmarket.kernel.signing.developer_documents import METHOD, DeveloperDocument
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.secrets import (
    SecretList,
    dump_secret_list,
    hash_packed,
    pack_secret,
    seal_secret,
)
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.units import (
    AssignmentId,
    BlockNumber,
    DealId,
    Epoch,
    Hash,
    Timestamp,
)
from wasmarket.serving.outbound import Outbound
from wasmarket_cli.local.plan import POLICY

PEER: Final = 1
ASSIGNMENT: Final = AssignmentId(1)
EPOCH_SECONDS: Final = 3_600
FOREVER: Final = 2**32 - 1
MEMORY_MIB: Final = 16_384
RETRY_SECONDS: Final = 3_600.0
"""What fails is tried again when the sources change, not by itself."""
NOWHERE: Final = "http://127.0.0.1:1"
"""No node is asked."""
LOOPS: Final = ("receipts", "disk", "self-test", "nonces", "triggers")
"""What a peer does besides following a chain."""
FORGOTTEN: Final = ("app", "access.json", "log", "triggers.json", "secrets.json")
"""Of a deal's folder, what belongs to a run; its storage stays."""


@dataclass(frozen=True, slots=True)
class DeskTerms:
    """As what an app is served: the number of its deal, units, private hosts for `http`, nodes that
    events are read from.
    """

    deal: int = 1
    units: int = 1
    trusted: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()


class DeskPeer:
    """A peer that serves one deal for ever, without paying or being paid."""

    def __init__(self, path: Path, terms: DeskTerms) -> None:
        """`path` is its folder; what services stored there is found again.

        Raises Conflict if another process has it.
        """
        folder = PeerFolder(path)
        self._lock = folder.lock()
        _forget_run(folder, terms.deal)
        self._policy = path / "policy.toml"
        self._policy.write_text(POLICY, encoding="utf-8")
        self._secrets: Mapping[str, bytes] = {}
        self.deployment = build_deployment()
        self.developer = Account.create()
        self._terms = terms
        self._blocks = BlockFolder(folder.blocks)
        self._number = 0
        self._app: Hash | None = None
        parts = PeerParts(
            settings=PeerSettings(
                port=0,
                http_trusted=terms.trusted,
                pin_workers=False,
                idle_seconds=0,
                retry_seconds=RETRY_SECONDS,
            ),
            deployment=self.deployment,
            wallet=Account.create(),
            folder=path,
            # What was written counts at once: nobody else writes it.
            policy=PolicyFile(self._policy, clock=lambda: math.inf),
            outbound=Outbound(allow_private=False),
            version=__version__,
        )
        self._rpc = Rpc(NOWHERE)
        self._key = folder.load_key().public_key().public_bytes_raw()
        self.process = PeerProcess(parts, self._rpc, folder)
        self.process.loops.keep(LOOPS)

    @property
    def hosted(self) -> DealHost:
        """The deal as the peer hosts it; there is one once an app was given."""
        return self.process.host.find(self._terms.deal)

    @property
    def app(self) -> Hash | None:
        """What is to be served."""
        return self._app

    async def give(self, app: App) -> None:
        """Have an app served; it takes the place of the one before once it is healthy."""
        await asyncio.to_thread(self._put, app)
        self._app = app.app
        await self.tick()
        self._hand_out()
        self.hosted.poke()

    def set_secrets(self, secrets: Mapping[str, bytes]) -> None:
        """Have functions read these secrets from their next call on, and no others."""
        self._secrets = dict(secrets)
        if self._app is not None:
            self._hand_out()

    def _put(self, app: App) -> None:
        for cid, block in app.blocks.items():
            self._blocks.put(cid, block)
        # Whoever is at the desk may wait for events of any chain; which are read is said elsewhere.
        chains = {str(trigger.chain): NOWHERE for trigger in app.manifest.triggers if trigger.chain}
        named = tomli_w.dumps({"chains": chains}) if chains else ""
        self._policy.write_text(POLICY + named, encoding="utf-8")

    def _hand_out(self) -> None:
        """Seal the secrets to the peer and sign their list, as a developer's client does."""
        store = self.hosted.secrets
        packed = {name: pack_secret(value) for name, value in self._secrets.items()}
        digests = {name: hash_packed(value) for name, value in packed.items()}
        listed = SecretList(store.version + 1, digests)
        body = json.dumps(dump_secret_list(listed)).encode()
        path = f"/v1/deals/{self._terms.deal}/secrets"
        request = Request(METHOD, path, body, int(time.time()), ZERO_HASH)
        domain = market_domain(self.deployment.chain_id, self.deployment.market)
        signed = sign_request(request, domain, self.developer.key)
        store.adopt(listed, DeveloperDocument(path, body.decode(), signed))
        store.take_boxes({name: seal_secret(value, self._key) for name, value in packed.items()})

    async def tick(self) -> None:
        """Let the time of the chain be that of the clock."""
        if self._app is None:
            return
        self._number += 1
        self.process.take(self._build_view(self._app))

    def close(self) -> None:
        """Let go of what does not end with the service."""
        self._rpc.close()
        self._lock.close()

    def _build_view(self, app: Hash) -> ChainView:
        now = int(time.time())
        epoch = now // EPOCH_SECONDS
        deal = DealId(self._terms.deal)
        head = BlockRef(BlockNumber(self._number), ZERO_HASH, ZERO_HASH, Timestamp(now))
        held = Assignment(
            ASSIGNMENT, deal, self._terms.units, 1, epoch, epoch, State.ACTIVE, True, FOREVER
        )
        row = Deal(
            id=deal,
            developer=self.developer.address,
            app=app,
            balance=FOREVER,
            rate=1,
            end=FOREVER,
            status=OnchainDealState.RUNNING,
            runway=FOREVER - epoch,
            last_funded=FOREVER,
        )
        return ChainView(
            peer=PEER,
            head=head,
            epoch=Epoch(epoch),
            units=self._terms.units,
            memory_mib=MEMORY_MIB,
            assignments={ASSIGNMENT: held},
            deals={deal: row},
        )


def build_deployment() -> Deployment:
    """Return a market that is nowhere; its numbers bind nobody."""
    contracts = {
        name: DeployedContract(to_address(bytes([number]) * 20), ZERO_HASH)
        for number, name in enumerate(CONTRACTS, 1)
    }
    parameters = Parameters(
        epoch_seconds=EPOCH_SECONDS,
        accept_seconds=60,
        max_missed=3,
        proof_window=1,
        bond_per_unit=0,
        fault_fee=0,
        leaving_delay=0,
        accept_blocks=1,
        phase_blocks=1,
        ask_fee=0,
        stake=0,
        juror_fee=0,
        share_cap=0,
        seat=0,
        min_seats=1,
    )
    token = Token(contracts[CONTRACTS[0]].address, 6)
    return Deployment(0, "desk", BlockNumber(0), contracts, token, token, parameters)


def _forget_run(folder: PeerFolder, deal: int) -> None:
    """Remove what an earlier run wrote of its chain."""
    for path in (folder.receipts, folder.commitments, folder.vouchers, folder.path / "nonces"):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    for name in FORGOTTEN:
        path = folder.service(deal) / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

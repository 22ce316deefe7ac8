"""A peer with closed epochs, and places elsewhere for their copies."""

import asyncio

import httpx
from fastapi import FastAPI

from peer.api.copies import create_copy_router
from peer.copies.at_peer import CopiesAtPeer
from peer.copies.kept import CopyTerms, KeptCopies
from peer.duties.commitments import Commitments
from peer.folder import PeerFolder
from tests.peer.receipt_logs import DOMAIN, SECONDS, WALLET, open_log
from tests.peer.test_peer_state import chain_view
from tests.peer.test_receipt_chain import call
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.problems import add_problem_handlers

NOW = 1_000


def make_peer(path, epochs=(1,), calls=3):
    """Return a peer's folder with an assignment 9 that was called in these epochs, now closed."""
    folder = PeerFolder(path)
    log = open_log(folder)
    commitments = Commitments(folder.commitments, log, SECONDS)
    for epoch in epochs:
        log.open(9, 7).append_all([call(time=epoch * SECONDS)] * calls)
        commitments.prepare(chain_view(), epoch)
    log.close()
    return folder


class KeepingPeer:
    """The routes of a peer that keeps copies for others, without the rest of it."""

    def __init__(self, path, wallets=(WALLET.address,), most=1 << 20):
        self.terms = CopyTerms(wallets, most)
        self.has_room = True
        self.folder = path
        self.kept = KeptCopies(path, lambda: self.terms, lambda: self.has_room)
        self.app = FastAPI()
        add_problem_handlers(self.app)
        self.app.include_router(create_copy_router(self.kept, Authenticator(DOMAIN, lambda: NOW)))
        self.requests = []

    def _handle(self, request):
        self.requests.append(request)
        body = request.read()

        async def pass_on():
            transport = httpx.ASGITransport(self.app)
            passed = httpx.Request(
                request.method, request.url, headers=request.headers, content=body
            )
            answer = await transport.handle_async_request(passed)
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=await answer.aread()
            )

        return asyncio.run(pass_on())

    def store(self, wallet=WALLET, owner=None):
        """Return what a peer with a wallet has for it, by default for itself."""
        client = httpx.Client(transport=httpx.MockTransport(self._handle))
        owner = (wallet or WALLET).address if owner is None else owner
        return CopiesAtPeer("peer+http://kept.example", owner, client, DOMAIN, wallet, lambda: NOW)

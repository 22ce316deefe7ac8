"""No loop of a peer ends at an error nobody foresaw, and readiness says which one fails."""

import asyncio
import json
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from peer.auditing.juror import Juror
from peer.chain_state.listener import Listener
from peer.choreography.avm_file import find_avm
from peer.choreography.particle_host import ParticleHost
from peer.copies.folders import ReceiptCopies
from peer.disk import DiskWatch
from peer.documents.sharing import DocumentSharing
from peer.duties.submitter import DutySubmitter
from peer.folder import PeerFolder
from peer.hosting.retention import StorageRetention
from peer.hosting.self_test import SelfTest
from peer.offers.reconciler import OfferReconciler
from peer.offers.selling import Seller
from peer.parts import PeerParts
from peer.policy.file import PolicyFile
from peer.receipts.receipt_log import ReceiptLog
from peer.run import PeerProcess
from peer.settings import PeerSettings
from peer.triggers.event_loop import EventReading
from peer.triggers.runner import TriggerRunner
from tests.peer.test_listener import Scene
from wasmarket.chain.sending.wallet import Account
from wasmarket.serving.daemon import TaskLoop
from wasmarket.serving.nonce_files import NonceFiles
from wasmarket.serving.outbound import Outbound
from wasmarket.testing.fake_sender import FakeSender

pytestmark = pytest.mark.unit

STEPS = {
    "listening": (Listener, "step"),
    "submitting": (DutySubmitter, "act"),
    "receipts": (ReceiptLog, "flush"),
    "copies": (ReceiptCopies, "step"),
    "disk": (DiskWatch, "look"),
    "self-test": (SelfTest, "_try"),
    "retention": (StorageRetention, "sweep"),
    "nonces": (NonceFiles, "keep"),
    "jury": (Juror, "step"),
    "documents": (DocumentSharing, "tell"),
    "offers": (OfferReconciler, "take_turn"),
    "triggers": (TriggerRunner, "take_turn"),
    "events": (EventReading, "take_turn"),
}
if find_avm("") is not None:
    STEPS["particles"] = (ParticleHost, "_sweep")


@pytest.fixture
def make_peer(tmp_path):
    def make():
        scene = Scene(tmp_path / "peer")
        scene.register()
        account = Account.from_key(b"\x01" * 32)
        policy = tmp_path / "policy.toml"
        policy.write_text("")
        parts = PeerParts(
            settings=PeerSettings(port=0),
            deployment=scene.deployment,
            wallet=account,
            folder=tmp_path / "peer",
            policy=PolicyFile(policy),
            outbound=Outbound(True),
            version="test",
            seller=Seller(account, FakeSender(scene.chain, account.address), ()),
        )
        return PeerProcess(parts, scene.chain, PeerFolder(tmp_path / "peer"))

    return make


async def take_turns(peer):
    for loop in peer.loops:
        if isinstance(loop, TaskLoop):
            await loop.take_turn()
        else:
            loop.take_turn()


def ask(peer, path):
    [route] = [route for route in peer.app.routes if getattr(route, "path", "") == path]
    return route.endpoint()


def test_loops__unforeseen_error_in_each__go_on_are_counted_and_told(make_peer, monkeypatch):
    failing = set(STEPS)
    for name, (owner, method) in STEPS.items():
        monkeypatch.setattr(owner, method, _failing(name, failing, getattr(owner, method)))
    peer = make_peer()

    async def run():
        await take_turns(peer)
        first = ask(peer, "/v1/health/ready")
        await take_turns(peer)
        counted = _count(ask(peer, "/metrics").body.decode())
        failing.clear()
        monkeypatch.setattr(OfferReconciler, "step", lambda _: None)
        monkeypatch.setattr(SelfTest, "_try", _pass)
        await take_turns(peer)
        return first, counted

    first, counted = asyncio.run(run())

    # Particles have a loop of their own where AquaVM was found.
    assert {loop.name for loop in peer.loops} == set(STEPS)
    assert first.status_code == 503
    reason = json.loads(first.body)["reason"]
    for name in STEPS:
        assert f"{name}: failed unexpectedly (ValueError: {name})" in reason
    assert {name: counted[name] for name in STEPS} == dict.fromkeys(STEPS, 2.0)
    assert peer.loops.problems() == []


async def _pass(_):
    return None


def _failing(name, failing, real):
    def step(self, *arguments):
        if name in failing:
            raise ValueError(name)
        return real(self, *arguments)

    return step


def _count(text):
    counted = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "wasmarket_loop_turns_total" and sample.labels["outcome"] == "bug":
                counted[sample.labels["loop"]] += sample.value
    return counted

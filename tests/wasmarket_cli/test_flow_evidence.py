"""`wasmarket flow verify`: what a peer keeps of a flow is believed only as far as it is proven."""

from types import SimpleNamespace

import pytest

from wasmarket.kernel.documents.content_ids import app_hash, raw_cid
from wasmarket.kernel.documents.manifest import Manifest, Module, Service, dump_manifest
from wasmarket.kernel.errors import NotFound
from wasmarket_cli.developer.receipts import NotProven
from wasmarket_cli.scripts import flow
from wasmarket_cli.scripts.flow import FlowVerifier

pytestmark = pytest.mark.unit

ROOT, OTHER_ROOT = "0x" + "11" * 32, "0x" + "22" * 32
MODULE = Module("m", raw_cid(b"module"))
MANIFEST = dump_manifest(Manifest("app", (Service("s", 65_536, (MODULE,)),)))
APP = app_hash(raw_cid(MANIFEST))
WORKER = SimpleNamespace(peer=3, deal=7, assignment=5, endpoint="http://peer")
CALL = SimpleNamespace(peer_id="12D", service="s", function="f", value="x")


class Peer:
    """A peer that answers as a test says, by path."""

    def __init__(self, **answers):
        self.answers = answers

    def get(self, path, params=None):
        name = path.split("/")[-1] if path.endswith("interface") else path.split("/")[2]
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def send(self, method, path, params):
        return SimpleNamespace(content=self.answers["block"])


def make(peer):
    """A verifier of deal 7, which runs on one peer."""
    verifier = object.__new__(FlowVerifier)
    verifier._deal = 7
    verifier._client = SimpleNamespace(open_peer=lambda endpoint: peer)
    verifier._workers = {"12D": WORKER}
    verifier._wiring = SimpleNamespace(
        deployment=SimpleNamespace(epoch_of=lambda seconds: int(seconds) // 60),
        clock=SimpleNamespace(refresh=lambda: 6_000),
    )
    return verifier


def test_fetch__flow_that_no_peer_keeps__is_not_found():
    with pytest.raises(NotFound, match="no peer of deal 7 keeps a flow abc"):
        make(Peer(flows=NotFound("no"))).fetch("abc")

    assert make(Peer(flows={"id": "abc"})).fetch("abc") == {"id": "abc"}


def test_script__of_a_manifest_that_is_not_the_app__is_not_proven():
    kept = {"app": "0x" + "33" * 32, "flow": "order", "script": "(null)"}

    with pytest.raises(NotProven, match="not the app that it names"):
        make(Peer(block=MANIFEST))._check_script(kept)


def test_script__that_the_app_does_not_have__is_not_proven():
    kept = {"app": APP, "flow": "order", "script": "(null)"}

    with pytest.raises(NotProven, match="is not the flow order of app"):
        make(Peer(block=MANIFEST))._check_script(kept)


@pytest.mark.parametrize("services", [{"s": {"functions": [], "records": []}}, {}])
def test_call__without_a_receipt__is_not_proven_unless_it_is_a_built_in(monkeypatch, services):
    monkeypatch.setattr(flow, "hash_answer", lambda *_: b"")
    verifier = make(Peer(interface={"services": services}))
    monkeypatch.setattr(verifier, "_list_receipts", lambda *_: iter(()), raising=False)

    if services:
        with pytest.raises(NotProven, match=r"signed what s\.f gave, but has no receipt"):
            verifier._find_receipt({}, CALL, WORKER, set())
    else:
        assert verifier._find_receipt({}, CALL, WORKER, set()) is None


@pytest.mark.parametrize(
    ("summary", "committed", "told"),
    [
        (None, ROOT, "not yet: the epoch is open"),
        ({}, NotFound("not there"), "not yet: not committed"),
        ({}, ROOT, ROOT),
    ],
)
def test_root__of_a_receipt__is_told_once_it_is_on_chain(monkeypatch, summary, committed, told):
    def find(*_):
        if isinstance(committed, Exception):
            raise committed
        return committed

    monkeypatch.setattr(flow, "find_root", find)
    monkeypatch.setattr(flow, "check_receipt", lambda *_: SimpleNamespace(root=ROOT))
    peer = Peer(deals={"summary": summary})

    assert make(peer)._find_root(peer, 9, (5, 1), WORKER) == told


def test_root__that_differs_from_the_chains__is_not_proven(monkeypatch):
    monkeypatch.setattr(flow, "find_root", lambda *_: OTHER_ROOT)
    monkeypatch.setattr(flow, "check_receipt", lambda *_: SimpleNamespace(root=ROOT))
    peer = Peer(deals={"summary": {}})

    with pytest.raises(NotProven, match="committed another root for epoch 9"):
        make(peer)._find_root(peer, 9, (5, 1), WORKER)


def test_epochs__of_a_flow__are_its_own_first_then_the_latest():
    epochs = make(Peer())._list_epochs({"timestamp": 600_000, "ttl": 60_000})

    assert epochs[:3] == [9, 10, 11]
    assert epochs[3] == 100
    assert len(epochs) == len(set(epochs))

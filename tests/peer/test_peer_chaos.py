"""Everything breaks while calls go on: no answered call is lost, and all of them are proven."""

import collections
import resource
import threading
import time
from contextlib import contextmanager

import httpx
import psutil
import pytest

from tests.peer.peer_runner import GREETING, publish, wait_until
from tests.peer.tcp_proxy import TcpProxy
from wasmarket.kernel import events
from wasmarket.kernel.documents.receipts import receipt_hash, unpack_receipt
from wasmarket_cli.local.plan import find_free_port

pytestmark = pytest.mark.e2e

CALLERS = 4
CLEAR = {"no-worker", "starting", "no-receipt", "pool-busy", "unreachable", "guest-trap"}
"""What a call may be told; whoever is told so knows whether to try again."""


class Load:
    """Callers that count visits without a pause, and what became of each call."""

    def __init__(self, url):
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CALLERS)]
        self.receipts = []
        self.visits = []
        self.refusals = collections.Counter()
        self.broken = 0
        for thread in self._threads:
            thread.start()

    def _run(self):
        with httpx.Client(trust_env=False, timeout=30) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(self._url, json=[])
                except httpx.TransportError:
                    self.broken += 1
                    time.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    self.receipts.append(answer.headers["Wasmarket-Receipt"])
                    self.visits.append(answer.json()["result"])
                else:
                    self.refusals[answer.json()["type"].removeprefix("urn:wasmarket:")] += 1
                    time.sleep(0.02)

    def wait_for_answers(self, more=10):
        """Wait until so many more calls were answered."""
        before = len(self.receipts)
        wait_until("calls are answered", lambda: len(self.receipts) >= before + more)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def full_disk(pid):
    """Let a process write to no file any more, as on a disk without room."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def damage(folder, pattern):
    """Replace files by others of as many bytes, none of them right."""
    damaged = 0
    for path in folder.glob(pattern):
        beside = path.with_suffix(".damaged")
        beside.write_bytes(bytes(byte ^ 0x55 for byte in path.read_bytes()))
        beside.replace(path)
        damaged += 1
    assert damaged, pattern


@pytest.fixture
def proxy(world):
    between = TcpProxy(world.anvil.port)
    yield between
    between.close()


def test_chaos__under_load__loses_no_answered_call_and_proves_all(world, make_peer, proxy):
    source = make_peer()
    source.start()
    app = publish(source.blocks, GREETING.read_bytes())
    peer = make_peer(port=find_free_port(), gateways=(source.url,))
    peer.rpc_url = f"http://127.0.0.1:{proxy.port}"
    peer.start()
    match = world.match(app, [peer.number], units=2)
    peer.wait_for_state(match.deal, "serving")
    peer.wait_for_epoch(world.start_epoch())
    load = Load(f"{peer.url}/v1/deals/{match.deal}/greeting/visit")
    try:
        load.wait_for_answers()

        for worker in psutil.Process(peer.pid).children():
            worker.kill()
        load.wait_for_answers()

        proxy.cut()
        load.wait_for_answers()

        with full_disk(peer.pid):
            wait_until("the peer says so", lambda: load.refusals["no-receipt"])
        load.wait_for_answers()
        proxy.mend()

        damage(peer.folder.blocks, "blocks/*/*")
        damage(peer.folder.cache, "**/*.cwasm")
        damage(peer.folder.cache, "modules/*.wasm")
        assert load.broken == 0
        peer.kill()
        peer.start()
        load.wait_for_answers()
    finally:
        load.stop()
        proxy.mend()

    epoch = world.epoch
    assert set(load.refusals) <= CLEAR
    last = peer.call(match.deal, "visit", []).json()["result"]
    assert last > max(len(load.visits), *load.visits), "the storage forgot a visit"
    world.start_epoch()
    root = wait_until("the epoch is committed", lambda: find_root(world, peer, epoch))
    kept = read_receipts(peer, match.deal, epoch)
    assert {f"{match.assignments[0]}:{s}:{h}" for s, h in kept} >= set(load.receipts)
    page = peer.get(f"/v1/deals/{match.deal}/receipts/{epoch}").json()
    assert page["root"] == root
    assert page["summaries"][0]["summary"]["count"] == len(kept)


def find_root(world, peer, epoch):
    found = [e for e in world.events(events.Committed) if (e.peer, e.epoch) == (peer.number, epoch)]
    return found and found[0].root


def read_receipts(peer, deal, epoch):
    """Return (sequence, hash) of an epoch's receipts, each naming the one before."""
    found, cursor, previous = [], None, None
    while True:
        query = {"limit": 1_000} | ({"cursor": cursor} if cursor else {})
        page = peer.get(f"/v1/deals/{deal}/receipts/{epoch}", params=query).json()
        for item in page["items"]:
            packed = bytes.fromhex(item["packed"][2:])
            receipt = unpack_receipt(packed)
            assert previous in (None, receipt.previous)
            previous = receipt_hash(packed)
            found.append((receipt.sequence, previous.hex()))
        cursor = page["next"]
        if cursor is None:
            assert [s for s, _ in found] == list(range(found[0][0], found[0][0] + len(found)))
            return found

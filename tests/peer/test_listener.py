"""What the peer knows of the chain, on an in-memory chain: outages, reorgs, restarts."""

import threading

import pytest

from peer.auditing.ballots import Ballots
from peer.chain_state.listener import Listener
from peer.chain_state.view import OnchainDealState, State
from peer.copies.folders import ReceiptCopies
from peer.copies.remote import RemoteCopies
from peer.duties.answers import Answers, EvidencePlace
from peer.duties.commitments import Commitments
from peer.duties.due_calls import Outlook
from peer.duties.own_roots import OwnRoots
from peer.duties.submitter import DutyContracts, DutySubmitter
from peer.folder import PeerFolder
from peer.papers import PeerPapers
from peer.vouchers.book import VoucherBook
from tests.peer.receipt_logs import DOMAIN, SECONDS, open_log
from wasmarket.chain.contracts.bindings import Audits, Market, MarketLens, Meter, Proofs
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH, to_address, to_hash
from wasmarket.kernel.billing import NO_END
from wasmarket.kernel.errors import Reverted, Unfunded, Unreachable
from wasmarket.serving.daemon import Pace, ThreadLoop
from wasmarket.testing.fake_chain import FakeChain, fake_deployment
from wasmarket.testing.fake_sender import FakeSender

pytestmark = pytest.mark.unit

KEY = to_hash(b"k" * 32)
WALLET, DEVELOPER, THIEF = (to_address(who * 20) for who in (b"w", b"d", b"t"))
APP = to_hash(b"a" * 32)
PEER = 1
DEAL_TERMS = (DEVELOPER, 1_000, 10, 0, NO_END, 1, 0, False)
NOTHING = (0, 0, 0, 0, 0, 0, 0, False, 0, 0, 0)


class Scene:
    """A chain whose views answer from dicts."""

    def __init__(self, folder):
        self.folder = PeerFolder(folder)
        self.deployment = fake_deployment()
        self.chain = FakeChain(self.deployment)
        self.assignments = {}
        self.chain.answer("MarketLens", "peer", lambda i: (DEVELOPER, 4, 0, 256, 0, WALLET, 0))
        self.chain.answer("MarketLens", "assignment", lambda i: self.assignments.get(i, NOTHING))
        self.chain.answer(
            "MarketLens",
            "deal",
            lambda i: (
                DEVELOPER,
                1_000,
                10,
                0,
                NO_END,
                1,
                0,
                False,
                OnchainDealState.RUNNING,
                100,
                10**9,
            ),
        )

    def listener(self, peer_id=0):
        return Listener(
            Follower(self.chain, self.deployment, Decoder(self.deployment)),
            MarketLens(self.chain, self.deployment),
            self.deployment,
            path=self.folder.chain,
            key=KEY,
            wallet=WALLET,
            peer_id=peer_id,
        )

    def register(self, peer=PEER, wallet=WALLET):
        registered = events.PeerRegistered(
            peer, DEVELOPER, KEY, 4, 256, 0, 0, wallet, "http://peer"
        )
        return self.chain.mine(registered)

    def match(self, assignment=7, deal=1, peer=PEER):
        self.assignments[assignment] = (
            deal,
            peer,
            1,
            5,
            self.chain.head.timestamp,
            0,
            State.PENDING,
            True,
            NO_END,
            0,
            0,
        )
        return self.chain.mine(
            events.Assigned(assignment, deal, peer, 1, 5, ZERO_HASH),
            events.DealCreated(deal, DEVELOPER, ZERO_HASH, APP, 1_000, NO_END, ZERO_ADDRESS),
        )

    def activate(self, assignment=7):
        epoch = self.deployment.epoch_of(self.chain.head.timestamp)
        deal, peer, units, price, *_ = self.assignments[assignment]
        self.assignments[assignment] = (
            deal,
            peer,
            units,
            price,
            epoch,
            epoch,
            State.ACTIVE,
            True,
            NO_END,
            0,
            0,
        )
        return events.Activated(assignment, deal, epoch, 0, 1_000, 10)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path / "peer")


def test_step__match_without_any_notice__is_found(scene):
    listener = scene.listener()
    scene.register()
    scene.match()

    listener.step()

    assert listener.chain_view.peer == PEER
    assert list(listener.chain_view.assignments) == [7]
    assert listener.chain_view.deals[1].app == APP


def test_step__not_registered__knows_no_standing(scene):
    listener = scene.listener()
    scene.match()

    listener.step()

    assert listener.chain_view is None


def test_step__key_registered_by_a_thief_first__is_passed_over(scene):
    listener = scene.listener()
    scene.register(peer=1, wallet=THIEF)
    scene.register(peer=2)

    listener.step()

    assert listener.chain_view.peer == 2


def test_step__wallet_given_later__finds_what_was_matched_before(scene):
    listener = scene.listener()
    scene.register(wallet=THIEF)
    scene.match()
    listener.step()
    assert listener.chain_view is None

    scene.chain.mine(events.PeerWallet(PEER, WALLET))
    listener.step()

    assert list(listener.chain_view.assignments) == [7]


def test_step__outage__keeps_the_standing(scene):
    listener = scene.listener()
    scene.register()
    scene.match()
    listener.step()
    before = listener.chain_view

    scene.chain.offline = True
    with pytest.raises(Unreachable):
        listener.step()

    assert listener.chain_view is before
    scene.chain.offline = False
    scene.match(assignment=8, deal=2)
    listener.step()
    assert list(listener.chain_view.assignments) == [7, 8]


def test_step__match_reorganised_away__is_forgotten(scene):
    listener = scene.listener()
    scene.register()
    scene.match()
    listener.step()

    del scene.assignments[7]
    scene.chain.reorg(1)
    scene.chain.mine()
    listener.step()

    assert listener.chain_view.assignments == {}
    assert listener.chain_view.deals == {}


def test_step__cleared_then_back_by_a_reorg__is_held_again(scene):
    listener = scene.listener()
    scene.register()
    scene.match()
    held = scene.assignments.pop(7)
    scene.chain.mine(events.Ended(7, 1, PEER, 0, 4, 0, 1_000, 0))
    listener.step()
    assert listener.chain_view.assignments == {}

    scene.assignments[7] = held
    scene.chain.reorg(1)
    scene.chain.mine()
    listener.step()

    assert list(listener.chain_view.assignments) == [7]


def test_step__same_epoch_and_nothing_of_ours__asks_no_view(scene):
    listener = scene.listener()
    scene.register()
    scene.match()
    listener.step()
    scene.chain.requests.clear()

    head = scene.chain.mine()
    listener.step()

    assert listener.chain_view.head == head
    assert "eth_call" not in scene.chain.requests


def test_restart__reads_only_what_is_new_and_publishes_at_once(scene):
    first = scene.listener()
    scene.register()
    scene.match()
    first.step()
    first.save()
    scene.chain.offline = True
    again = scene.listener()
    published = []
    again.subscribe(published.append)

    again.restore()

    assert published == [first.chain_view]


def test_restart__killed_after_an_update__does_not_go_back_to_the_app_before(scene):
    listener = scene.listener()
    scene.register()
    scene.match()
    listener.step()
    newer = to_hash(b"b" * 32)
    acted_on = []
    listener.subscribe(lambda _: acted_on.append(scene.listener().chain_view.deals[1].app))
    scene.chain.mine(events.AppChanged(1, newer))

    listener.step()

    assert acted_on == [newer]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]"])
def test_restart__damaged_file__reads_the_chain_anew(scene, content):
    scene.folder.chain.write_bytes(content)
    listener = scene.listener()
    scene.register()
    scene.match()

    listener.step()

    assert list(listener.chain_view.assignments) == [7]


def test_run__errors__are_told_and_over_when_over(scene):
    listener = scene.listener()
    scene.register()
    scene.chain.offline = True
    loop = ThreadLoop("listening", listener.step, Pace(0.01), on_end=listener.save)
    told = threading.Event()
    listener.subscribe(lambda _: told.set())
    loop.take_turn()
    assert "offline" in loop.problem
    scene.chain.offline = False
    loop.start()
    assert told.wait(60)
    loop.ask_to_stop()
    loop.join()

    assert loop.problem == ""
    assert scene.folder.chain.exists()


class Acting:
    """An agent on the scene's chain; `outlook` is what it is told."""

    def __init__(self, scene):
        self.scene = scene
        self.outlook = Outlook(frozenset({7}))
        self.sender = FakeSender(scene.chain, WALLET)
        self.proven = set()
        self.book = None
        self.clock = 0.0
        scene.chain.answer("Proofs", "is_proven", lambda peer, epoch: epoch in self.proven)
        scene.chain.answer("Proofs", "root_of", lambda peer, epoch: ZERO_HASH)
        scene.chain.handle("Market", "activate", lambda _, ids: [scene.activate(i) for i in ids])
        scene.chain.handle("Proofs", "commit", self._commit)
        self.listener = scene.listener()
        self.agent = self.make()

    def make(self):
        folder, deployment = self.scene.folder, self.scene.deployment
        if self.book is not None:
            self.book.close()
        book = self.book = open_log(folder)
        proofs = Proofs(self.scene.chain, deployment)
        commitments = Commitments(folder.commitments, book, SECONDS)
        agent = DutySubmitter(
            self.sender,
            DutyContracts(
                Market(self.scene.chain, deployment),
                proofs,
                Audits(self.scene.chain, deployment),
                Meter(self.scene.chain, deployment),
            ),
            deployment,
            PeerPapers(
                book,
                commitments,
                VoucherBook(folder.vouchers, DOMAIN),
                ReceiptCopies(folder, [], book.flush),
                RemoteCopies(folder, []),
                OwnRoots(proofs, commitments, SECONDS),
                Answers([EvidencePlace(folder.path)]),
            ),
            Ballots(folder.path / "ballots"),
            lambda: self.outlook,
            read_clock=lambda: self.clock,
        )
        self.listener.subscribe(agent.notify)
        return agent

    def turn(self):
        self.listener.step()
        self.agent.act()

    @property
    def sent(self):
        return [sent.function for sent in self.sender.sent]

    def _commit(self, _, epoch, commitments):
        self.proven.add(epoch)
        return [events.Committed(peer, epoch, root) for peer, root in commitments]


@pytest.fixture
def acting(scene):
    scene.register()
    scene.match()
    return Acting(scene)


def test_agent__ready__activates_once(acting):
    acting.turn()
    acting.agent.act()
    acting.turn()

    assert acting.sent == ["activate"]


def test_agent__epoch_over__commits_once(acting):
    acting.turn()
    acting.scene.chain.advance(60)
    acting.turn()
    acting.turn()

    assert acting.sent == ["activate", "commit"]


@pytest.mark.parametrize("is_seen", [True, False])
def test_agent__commitment_reorganised_away__is_sent_again(acting, is_seen):
    acting.turn()
    acting.scene.chain.advance(60)
    acting.turn()
    if is_seen:
        acting.turn()

    acting.proven.clear()
    acting.scene.chain.reorg(1)
    acting.scene.chain.mine()
    acting.turn()

    assert acting.sent == ["activate", "commit", "commit"]


def test_agent__committed_before_a_crash__is_not_sent_again(acting):
    acting.turn()
    acting.scene.chain.advance(60)
    acting.turn()

    acting.agent = acting.make()
    acting.scene.chain.advance(2)
    acting.turn()

    assert acting.sent == ["activate", "commit"]


def test_agent__crash_before_sending__sends_the_same_root(acting):
    acting.turn()
    acting.scene.chain.advance(60)
    acting.scene.chain.handle("Proofs", "commit", _refuse)
    acting.turn()
    assert acting.agent.problems() == ["submitting: proofs: outside the window"]
    [path] = acting.scene.folder.commitments.iterdir()
    stored = path.read_text()

    acting.agent = acting.make()
    acting.scene.chain.handle("Proofs", "commit", acting._commit)
    acting.scene.chain.advance(2)
    acting.turn()

    [_, root] = acting.sender.sent[-1].args[1][0]
    assert root in stored


def test_agent__outage__is_made_up_for(acting):
    acting.listener.step()
    acting.scene.chain.offline = True
    with pytest.raises(Unreachable):
        acting.agent.act()
    acting.scene.chain.offline = False

    acting.agent.act()

    assert acting.sent == ["activate"]


def test_agent__no_gas__says_who_cannot_pay(acting):
    acting.listener.step()
    acting.scene.chain.handle("Market", "activate", _cannot_pay)
    loop = ThreadLoop("submitting", acting.agent.act, Pace(None), explain=acting.agent.explain)
    loop.take_turn()

    assert WALLET in loop.problem
    assert "cannot pay" in loop.problem


def _refuse(*_):
    raise Reverted("proofs: outside the window", reason="proofs: outside the window")


def _cannot_pay(*_):
    raise Unfunded("needs 5 wei more")


def test_standing__peer_word__is_read(acting):
    acting.listener.step()

    chain_view = acting.listener.chain_view
    assert (chain_view.units, chain_view.memory_mib, chain_view.wallet) == (4, 256, WALLET)
    assert chain_view.provider != ZERO_ADDRESS

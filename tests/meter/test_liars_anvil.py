"""A peer for each lie that software can tell, against the meter as it ships: all are convicted."""

from dataclasses import replace

import pytest

from tests.games.power import PowerCut
from tests.indexer.verifying import verify_chain
from tests.meter.lies import (
    BETWEEN,
    LIES,
    garbage_root,
    half_of_the_receipts,
    honest,
    two_summaries,
    with_summary,
)
from tests.meter.lying_peer import LyingPeer, serve_peers
from tests.meter.metering import build_meter, fund, pass_epochs
from tests.meter.shown_papers import ShownEpoch
from tests.peer.market_world import EPOCH_SECONDS
from wasmarket.kernel import events
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.audits.times import ANSWER_EPOCHS
from wasmarket.kernel.documents.receipts import pack_receipt, receipt_hash
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.heads import SignedHead
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.signing.usage import ReceiptHead, parse_voucher, sign_head
from wasmarket.kernel.units import FLT

pytestmark = pytest.mark.anvil

APP = to_hash(b"a" * 32)
INPUT = b"input"


@pytest.fixture
def peers():
    with serve_peers() as served:
        yield served


@pytest.fixture
def account(world):
    made = world.next_wallet()
    fund(world, made)
    return made


def make_peer(world, peers, account):
    url, known = peers
    number = len(known) + 1
    peer = known[number] = LyingPeer(world, url, number)
    peer.take(APP, account.address)
    return peer


def make_epoch(world):
    """Begin an epoch and return the one that ended."""
    return world.start_epoch() - 1


def test_liars__of_every_kind__are_convicted_and_the_honest_paid(world, peers, account, tmp_path):
    process = build_meter(world, tmp_path, account, budget_flt=100)
    metering = process.metering
    liars = {name: make_peer(world, peers, account) for name in [*LIES, *BETWEEN]}
    fair = make_peer(world, peers, account)
    first = make_epoch(world)
    for peer in [*liars.values(), fair]:
        peer.commit(first, honest(peer, first))
    metering.step()
    second = make_epoch(world)
    for name, lie in LIES.items():
        liars[name].commit(second, lie(liars[name], second))
    for name, spoil in BETWEEN.items():
        spoil(liars[name])
        liars[name].commit(second, honest(liars[name], second))
    fair.commit(second, honest(fair, second))
    metering.step()
    # Patience with those that show nothing, then three epochs for their answers.
    pass_epochs(world, metering, 2 + ANSWER_EPOCHS)

    assert [name for name, peer in liars.items() if not peer.is_convicted()] == []
    assert not fair.is_convicted()
    # Before they lied they were paid for, and not after.
    works = {name: parse_voucher(peer.vouchers[-1]).usage.work for name, peer in liars.items()}
    assert set(works.values()) == {parse_voucher(fair.vouchers[0]).usage.work}
    assert parse_voucher(fair.vouchers[-1]).usage.work == 2 * works["garbage root"]


def test_liar__that_overstates_its_work__is_not_paid_and_dropped(world, peers, tmp_path):
    # The developer's own account: only that may drop.
    process = build_meter(world, tmp_path, world.developer)
    peer = make_peer(world, peers, world.developer)
    epoch = make_epoch(world)
    peer.commit(epoch, with_summary(peer, epoch, work=10**12))

    process.metering.step()

    assert peer.vouchers == []
    assert not peer.is_convicted()
    [ended] = [e for e in world.events(events.Ended) if e.assignment == peer.assignment]
    assert (ended.kind, ended.why) == (2, 66)


@pytest.mark.parametrize("lie", ["changed", "left out"])
def test_liar__that_signed_something_else__is_convicted(world, peers, account, tmp_path, lie):
    process = build_meter(world, tmp_path, account)
    peer = make_peer(world, peers, account)
    epoch = world.epoch
    receipts = peer.chain.run(epoch)
    promised = replace(receipts[-1], output=b"x" * 32) if lie == "changed" else receipts[-1]
    peer.epochs[epoch] = ShownEpoch([], [*receipts[:-1], promised])
    head = ReceiptHead(peer.assignment, promised.sequence, receipt_hash(pack_receipt(promised)))
    domain = market_domain(world.deployment.chain_id, world.deployment.market)
    signed = SignedHead(head, sign_head(domain, head, peer.wallet.key))
    process.metering.step()
    assert process.heads.take_signed([signed]) == 1
    ended = make_epoch(world)
    assert ended == epoch
    kept = receipts if lie == "changed" else receipts[:-1]
    peer.commit(epoch, ShownEpoch([peer.chain.sum_up(epoch, kept)], kept))

    process.metering.step()

    assert peer.is_convicted()


def test_liar__that_is_honest_again__is_not_paid_any_more(world, peers, account, tmp_path):
    process = build_meter(world, tmp_path, account)
    peer = make_peer(world, peers, account)
    lied = make_epoch(world)
    peer.commit(lied, with_summary(peer, lied, work=10**12))
    process.metering.step()
    after = make_epoch(world)
    peer.commit(after, honest(peer, after))

    process.metering.step()

    book = process.journal.book(peer.assignment)
    assert (book.checked, book.is_given_up, book.signed) == (after, True, 0)
    assert peer.vouchers == []


def test_peer__that_is_away_when_a_halt_ends__is_not_asked_at_once(world, peers, account, tmp_path):
    process = build_meter(world, tmp_path, account)
    peer = make_peer(world, peers, account)
    epoch = make_epoch(world)
    peer.commit(epoch, honest(peer, epoch))
    world.anvil.cheats.increase_time(3 * EPOCH_SECONDS)
    peer.is_silent = True
    process.metering.step()
    peer.is_silent = False

    process.metering.step()

    assert open_asks(world, peer) == []
    book = process.journal.book(peer.assignment)
    assert (book.is_given_up, book.checked >= epoch, book.work > 0) == (False, True, True)


def test_ask__beyond_the_budget__is_not_made_and_told(world, peers, account, tmp_path):
    process = build_meter(world, tmp_path, account, budget_flt=0)
    peer = make_peer(world, peers, account)
    epoch = make_epoch(world)
    peer.commit(epoch, garbage_root(peer, epoch))

    pass_epochs(world, process.metering, 2)

    assert [e for e in world.events(events.Opened) if e.assignment == peer.assignment] == []
    assert "budget" in process._accuser.obstacle


def test_accusation__beyond_the_budget__is_not_made_and_told(world, peers, account, tmp_path):
    cost = world.deployment.parameters.stake + 7 * world.deployment.parameters.juror_fee
    process = build_meter(
        world,
        tmp_path,
        account,
        execute=lambda calls: [b"v" * 32] * len(calls),
        rerun_percent=100.0,
        accuse=True,
        budget_flt=2 * cost // FLT - 1,
    )
    # One that is out: together they would be too much.
    process.journal.write("accused", case=10**6, assignment=10**6, epoch=1, fee=cost)
    peer = make_peer(world, peers, account)
    epoch = make_epoch(world)
    peer.commit(epoch, honest(peer, epoch, input=sha256(INPUT)))
    process.seen._folder.mkdir(parents=True)
    (process.seen._folder / sha256(INPUT).hex()).write_bytes(INPUT)

    process.metering.step()

    assert process.reruns.done > 0
    assert [e for e in world.events(events.Opened) if e.assignment == peer.assignment] == []
    assert "budget" in process._accuser.obstacle


def test_ask__of_a_liars_friend__is_resolved_too(world, peers, account, tmp_path):
    process = build_meter(world, tmp_path, account, budget_flt=0)
    peer = make_peer(world, peers, account)
    epoch = make_epoch(world)
    peer.commit(epoch, garbage_root(peer, epoch))
    world.ask(peer.assignment, epoch, 0)

    pass_epochs(world, process.metering, ANSWER_EPOCHS + 1)

    assert peer.is_convicted()


def test_watcher__of_all_deals__signs_nothing_and_convicts(world, peers, account, tmp_path):
    watcher = world.next_wallet()
    process = build_meter(world, tmp_path, watcher, watches_all=True)
    peer = make_peer(world, peers, account)
    epoch = make_epoch(world)
    peer.commit(epoch, two_summaries(peer, epoch))

    process.metering.step()

    assert peer.is_convicted()
    assert peer.vouchers == []


def reorganise(world):
    """Replace the newest block by two without its transaction."""
    world.anvil.cheats.rollback(1)
    world.anvil.cheats.mine(2)


def open_asks(world, peer):
    return [e for e in world.events(events.Opened) if e.assignment == peer.assignment]


def test_liar__whose_conviction_is_reorganised_away__is_convicted_again(
    world, peers, account, tmp_path
):
    process = build_meter(world, tmp_path, account)
    peer = make_peer(world, peers, account)
    epoch = make_epoch(world)
    peer.commit(epoch, two_summaries(peer, epoch))
    process.metering.step()
    assert peer.is_convicted()
    reorganise(world)
    assert not peer.is_convicted()

    # The first sees that it is gone, the next acts.
    process.metering.step()
    process.metering.step()

    assert peer.is_convicted()
    assert [line["what"] for line in process.journal.read()].count("undone") == 1


def test_ask__reorganised_away__is_asked_again(world, peers, account, tmp_path):
    process = build_meter(world, tmp_path, account)
    peer = make_peer(world, peers, account)
    epoch = make_epoch(world)
    peer.commit(epoch, garbage_root(peer, epoch))
    pass_epochs(world, process.metering, 1)
    assert len(open_asks(world, peer)) == 1
    reorganise(world)
    assert open_asks(world, peer) == []

    process.metering.step()
    process.metering.step()

    assert len(open_asks(world, peer)) == 1
    assert process.journal.spent == world.deployment.parameters.ask_fee
    pass_epochs(world, process.metering, ANSWER_EPOCHS + 1)
    assert peer.is_convicted()


def test_ask__sent_before_a_crash__is_written_down_later_and_not_sent_twice(
    world, peers, account, tmp_path, monkeypatch
):
    process = build_meter(world, tmp_path, account)
    peer = make_peer(world, peers, account)
    epoch = make_epoch(world)
    peer.commit(epoch, garbage_root(peer, epoch))
    monkeypatch.setattr(process.journal, "write", crash)
    with pytest.raises(PowerCut):
        pass_epochs(world, process.metering, 1)
    assert len(open_asks(world, peer)) == 1
    process.close()

    again = build_meter(world, tmp_path, account)
    again.metering.step()

    assert len(open_asks(world, peer)) == 1
    [asked] = [line for line in again.journal.read() if line["what"] == "asked"]
    assert asked["case"] == open_asks(world, peer)[0].case
    assert again.journal.spent == world.deployment.parameters.ask_fee


def crash(what, **_):
    if what == "asked":
        raise PowerCut


def test_ask__of_a_liars_friend_about_what_can_be_shown__keeps_nobody_from_asking(
    world, peers, account, tmp_path
):
    process = build_meter(world, tmp_path, account)
    peer = make_peer(world, peers, account)
    epoch = make_epoch(world)
    peer.commit(epoch, half_of_the_receipts(peer, epoch))
    world.ask(peer.assignment, epoch, 0)

    pass_epochs(world, process.metering, 1)

    assert {ask.by for ask in open_asks(world, peer)} == {world.stranger.address, account.address}


def test_store__after_all_these_lies__says_what_the_contracts_say(world, tmp_path):
    database, verdict = verify_chain(world.rpc, world.deployment, tmp_path, replays=True)
    database.close()

    assert verdict.differences == []
    assert verdict.checked["contradiction"] > 0

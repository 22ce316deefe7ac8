"""A peer for each lie that software can tell, against the meter as it ships: all are convicted."""

from dataclasses import replace

import pytest

from tests.indexer.verifying import verify_chain
from tests.meter.lying_peer import LyingPeer, serve_peers
from tests.meter.metering import build_meter, fund, pass_epochs
from tests.meter.shown_papers import Chain, ShownEpoch
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


def honest(peer, epoch, /, calls=3, **changed):
    receipts = peer.chain.run(epoch, calls, **changed)
    return ShownEpoch([peer.chain.sum_up(epoch, receipts)], receipts)


def with_summary(peer, epoch, /, **changed):
    receipts = peer.chain.run(epoch)
    return ShownEpoch([peer.chain.sum_up(epoch, receipts, **changed)], receipts)


def garbage_root(peer, epoch):
    return replace_root(honest(peer, epoch), b"r" * 32)


def replace_root(shown, root):
    return ShownEpoch(shown.summaries, shown.receipts, root)


def no_root(peer, epoch):
    # Not zero: that would be no root at all.
    return replace_root(honest(peer, epoch), b"\x00" * 31 + b"\x01")


def omitted(peer, epoch):
    peer.chain.run(epoch)
    return ShownEpoch([Chain(peer.number, 1, 2**31).sum_up(epoch, [])], [])


def two_summaries(peer, epoch):
    receipts = peer.chain.run(epoch)
    summary = peer.chain.sum_up(epoch, receipts)
    return ShownEpoch([summary, replace(summary, work=summary.work + 1)], receipts)


def other_receipts(peer, epoch):
    shown = honest(peer, epoch)
    return ShownEpoch(shown.summaries, peer.chain.run(epoch), shown.root)


def withheld(peer, epoch):
    peer.is_silent = True
    return honest(peer, epoch)


def half_of_the_receipts(peer, epoch):
    shown = honest(peer, epoch)
    return ShownEpoch(shown.summaries, shown.receipts[:1], shown.root)


LIES = {
    "garbage root": garbage_root,
    "root of next to nothing": no_root,
    "omitted summary": omitted,
    "two summaries": two_summaries,
    "other receipts": other_receipts,
    "papers withheld": withheld,
    "half of the receipts withheld": half_of_the_receipts,
    "summary of another peer": lambda p, e: with_summary(p, e, peer=p.number + 1_000),
    "summary of another epoch": lambda p, e: with_summary(p, e, epoch=e - 1),
    "summary of another deal": lambda p, e: with_summary(p, e, deal=p.deal + 1_000),
    "broken chain": lambda p, e: honest(p, e, previous=b"x" * 32),
    "wrong head": lambda p, e: with_summary(p, e, chain_head=b"h" * 32),
    "wrong count": lambda p, e: with_summary(p, e, count=2),
    "fuel below a receipt": lambda p, e: with_summary(p, e, fuel=5),
    "work below a receipt": lambda p, e: with_summary(p, e, work=5),
    "receipt of another deal": lambda p, e: honest(p, e, deal=p.deal + 1_000),
    "receipt of another assignment": lambda p, e: honest(p, e, assignment=2**31),
    "receipt out of place": lambda p, e: honest(p, e, sequence=100),
    "receipt of another epoch": lambda p, e: honest(p, e, time=e * 60 - 1),
}
"""What is committed for the second epoch; the first is honest."""


def overlap(peer):
    peer.chain.sequence -= 1


def broken_between(peer):
    peer.chain.head = b"x" * 32


BETWEEN = {"epochs overlap": overlap, "epochs do not follow": broken_between}


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


def test_store__after_all_these_lies__says_what_the_contracts_say(world, tmp_path):
    database, verdict = verify_chain(world.rpc, world.deployment, tmp_path, replays=True)
    database.close()

    assert verdict.differences == []
    assert verdict.checked["contradiction"] > 0

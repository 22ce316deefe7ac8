"""What lying peers commit for an epoch: each lie that software can tell of its own papers."""

from dataclasses import replace

from tests.meter.shown_papers import Chain, ShownEpoch


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

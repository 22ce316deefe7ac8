"""Proofs of epochs, kept totals of them, and the newest blocks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from indexer.verify.comparison import A_ROW, NO_ROW, Compared, StoreAndChain
from wasmarket.store.chain.epochs import (
    count_epochs,
    fetch_activities,
    fetch_first_epoch,
    sum_activities,
)
from wasmarket.store.chain.reputation.peer_epochs import (
    count_peer_epochs,
    fetch_kept_peer_epochs,
    fetch_last_kept,
    fetch_provider_epochs,
    fetch_providers_of_epochs,
    sum_provider_epochs,
)
from wasmarket.store.chain.table_scan import scan_table
from wasmarket.store.chain.writer import fetch_tail

LOOK_BACK = 1_024
"""Epochs of a peer that the chain counts at once."""


def compare_commitments(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare which epochs are proven, the roots that are still kept, and that none is missing."""
    proofs, block, current = sides.proofs, sides.block, sides.at.epoch
    first = max(0, current - LOOK_BACK + 1)
    recent: Counter[int] = Counter({0: 0})
    for rows in scan_table(sides.session, "commitment"):
        keys = [(row["peer"], row["epoch"]) for row in rows]
        proven = proofs.read_many("is_proven", keys, block)
        roots = proofs.roots(keys, block)
        for row, (peer, epoch), is_proven, root in zip(rows, keys, proven, roots, strict=True):
            recent[peer] += first <= epoch <= current
            stored, onchain = {"proven": True}, {"proven": is_proven}
            if root is not None:
                stored["root"], onchain["root"] = row["root"], "0x" + root.hex()
            yield Compared(f"{peer}/{epoch}", stored, onchain)
    for rows in scan_table(sides.session, "peer"):
        recent.update({row["id"]: 0 for row in rows})
    peers = sorted(recent)
    counts = proofs.read_many("proven", [(peer, first, current) for peer in peers], block)
    for peer, (count, _) in zip(peers, counts, strict=True):
        yield Compared(f"{peer}/*", {"proofs": recent[peer]}, {"proofs": count})


def compare_totals(sides: StoreAndChain) -> Iterator[Compared]:
    """Count the totals of final epochs again; they follow from assignments and proofs."""
    names = ("committed", "peers", "assignments", "units", "billed")
    for rows in scan_table(sides.session, "epoch_total"):
        first, last = rows[0]["epoch"], rows[-1]["epoch"]
        activities = fetch_activities(sides.session, sides.at, first, last)
        ran = sum_activities(activities, first, last)
        views = count_epochs(sides.session, sides.at, first, last, ran)
        counted = {view.epoch: view for view in views}
        for row in rows:
            again = counted[row["epoch"]]
            onchain = {name: getattr(again, name) for name in names}
            yield Compared(str(row["epoch"]), {name: row[name] for name in names}, onchain)


def compare_peer_epochs(sides: StoreAndChain) -> Iterator[Compared]:
    """Count again who ran in the final epochs and proved them."""
    first, last = fetch_first_epoch(sides.session), fetch_last_kept(sides.session)
    if first is None:
        return
    activities = fetch_activities(sides.session, sides.at, first, last)
    for entries in count_peer_epochs(sides.session, first, last, activities):
        counted = {(entry.peer, entry.epoch): entry._asdict() for entry in entries}
        epochs = [epoch for _, epoch in counted]
        kept = {
            (entry.peer, entry.epoch): entry._asdict()
            for entry in (
                fetch_kept_peer_epochs(sides.session, min(epochs), max(epochs)) if epochs else ()
            )
        }
        for key in sorted(counted | kept):
            found, again = kept.get(key), counted.get(key)
            name = "/".join(map(str, key))
            if found is None or again is None:
                yield Compared(name, A_ROW if found else NO_ROW, A_ROW if again else NO_ROW)
            else:
                yield Compared(name, found, again)


def compare_provider_epochs(sides: StoreAndChain) -> Iterator[Compared]:
    """Add up again what peers ran, which was compared itself, by provider."""
    session, last = sides.session, fetch_last_kept(sides.session)
    for provider in fetch_providers_of_epochs(session):
        kept = {e.epoch: e for e in fetch_provider_epochs(session, provider, 0, last)}
        counted = {e.epoch: e for e in sum_provider_epochs(session, provider)}
        for epoch in sorted(kept | counted):
            found, again = kept.get(epoch), counted.get(epoch)
            name = f"{provider}/{epoch}"
            if found is None or again is None:
                yield Compared(name, A_ROW if found else NO_ROW, A_ROW if again else NO_ROW)
            else:
                yield Compared(name, asdict(found), asdict(again))


def compare_blocks(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare the newest blocks with the node's."""
    tail = fetch_tail(sides.session)
    headers = sides.reader.fetch_headers([mark.number for mark in tail])
    for mark, header in zip(tail, headers, strict=True):
        names = ("hash", "parent", "timestamp")
        onchain = {} if header is None else {name: getattr(header, name) for name in names}
        yield Compared(str(mark.number), {name: getattr(mark, name) for name in names}, onchain)

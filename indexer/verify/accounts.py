"""Accounts: free money, counters, stake, offers on chain, and what the admin has said."""

import json
from collections.abc import Iterator
from typing import Any

from indexer.verify.comparison import Compared, Members, StoreAndChain
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.offers import dump_offer
from wasmarket.kernel.signing.published import decode_published
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.chain.table_scan import scan_table


def compare_accounts(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare free balances and counters."""
    for rows in scan_table(sides.session, "account"):
        words = sides.market.accounts([row["address"] for row in rows], sides.block)
        for row, word in zip(rows, words, strict=True):
            stored = {"free": row["free"], "counter": row["counter"]}
            onchain = {"free": word.free, "counter": word.counter}
            yield Compared(row["address"], stored, onchain)


def compare_stakes(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare bonds."""
    staking = sides.staking
    for rows in scan_table(sides.session, "stake"):
        asked = [(row["provider"],) for row in rows]
        free = staking.read_many("free", asked, sides.block)
        locked = staking.read_many("locked", asked, sides.block)
        leaving = staking.read_many("leaving", asked, sides.block)
        for at, row in enumerate(rows):
            amount, ready = leaving[at]
            onchain = {"free": free[at], "locked": locked[at], "leaving": amount, "ready": ready}
            yield Compared(row["provider"], {name: row[name] for name in onchain}, onchain)


def compare_cancellations(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare which offers were taken back."""
    for rows in scan_table(sides.session, "offer_cancellation"):
        keys = [(row["account"], row["hash"]) for row in rows]
        words = sides.market.offers(keys, sides.block)
        for key, word in zip(keys, words, strict=True):
            yield Compared("/".join(key), {"cancelled": 1}, {"cancelled": word.cancelled})


def compare_published(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare which offers were approved, and their words with the bytes that were published."""
    for rows in scan_table(sides.session, "published_offer"):
        keys = [(row["account"], row["hash"]) for row in rows]
        words = sides.market.offers(keys, sides.block)
        for row, key, word in zip(rows, keys, words, strict=True):
            stored: dict[str, Any] = {"approved": 1}
            onchain: dict[str, Any] = {"approved": word.approved}
            if row["offer"] is not None:
                stored["offer"] = json.loads(row["offer"])
                onchain["offer"] = _read_published(row)
            yield Compared("/".join(key), stored, onchain)


def _read_published(row: Members) -> object:
    """Return the offer that the published bytes are, None if they are none of that hash."""
    try:
        offer = decode_published(bytes.fromhex(row["data"][2:]))
    except (InvalidInput, ValueError):
        return None
    return dump_offer(offer) if hash_offer(offer) == row["hash"] else None


def compare_market(sides: StoreAndChain) -> Iterator[Compared]:
    """Compare what the admin has said; the first owner has no event and is not known."""
    for rows in scan_table(sides.session, "market_state"):
        for row in rows:
            stored = {"paused": row["paused"], "next_owner": row["next_owner"]}
            heir = sides.market.read("next_owner", block=sides.block)
            onchain = {
                "paused": sides.market.read("paused", block=sides.block),
                "next_owner": None if heir == ZERO_ADDRESS else heir,
            }
            if row["owner"] is not None:
                stored["owner"] = row["owner"]
                onchain["owner"] = sides.market.read("owner", block=sides.block)
            yield Compared("market", stored, onchain)

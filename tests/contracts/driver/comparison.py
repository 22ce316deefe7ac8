"""Compare what the contracts hold with what the model holds, word by word and view by view."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Any

from tests.contracts.driver.abi import Contract
from tests.contracts.driver.chain import Chain
from tests.contracts.driver.words import LAYOUTS, unpack
from tests.model.seats import Seat
from tests.model.terms import (
    ACTIVE,
    CLOSED,
    ENDED,
    LAPSED,
    METERED,
    OVER,
    RUNNING,
    STOPPING,
    WORK,
    Address,
    Assignment,
    Deal,
    Peer,
)

if TYPE_CHECKING:
    from tests.contracts.driver.world import World


class View:
    """Views to call in one go, and what each should answer."""

    def __init__(self) -> None:
        self._calls: list[tuple[Contract, str, tuple[Any, ...]]] = []
        self._expected: list[tuple[Any, Callable[[Any], Any]]] = []

    def expect(
        self,
        contract: Contract,
        function: str,
        arguments: tuple[Any, ...],
        value: Any,
        read: Callable[[Any], Any] = lambda answer: answer,
    ) -> None:
        """Add a view and its right answer, as `read` shows it."""
        self._calls.append((contract, function, arguments))
        self._expected.append((value, read))

    def check(self, chain: Chain) -> None:
        """Call them all."""
        answers = chain.read(self._calls)
        for call, answer, (value, read) in zip(self._calls, answers, self._expected, strict=True):
            assert read(answer) == value, f"{call[0].name}.{call[1]}{call[2]}"


def packed(record: str) -> Callable[[int], dict[str, int]]:
    """Read a word of that record."""
    return lambda word: unpack(record, word)


def accounts_of(world: World) -> list[Address]:
    """List every account that can hold anything."""
    return [*world.roles.values(), world.contracts["market"].address]


def compare_words(world: World) -> None:
    """Compare every packed word. Deals are settled on both sides first (see `settled_alike`)."""
    law, market, stakes = world.law, world.contracts["market"], world.contracts["staking"]
    views = View()
    for account in accounts_of(world):
        fields = {"free": law.market.free[account], "counter": law.market.counter[account]}
        views.expect(market, "account_word", (account,), fields, packed("account"))
        stake = {"free": law.staking.free[account], "locked": law.staking.locked[account]}
        views.expect(stakes, "stake_word", (account,), stake, packed("stake"))
    for number, peer in law.market.peers.items():
        views.expect(market, "peer_word", (number,), peer_fields(peer), packed("peer"))
    counts = {
        "peers": len(law.market.peers),
        "deals": len(law.market.deals),
        "assignments": law.market.assignments_made,
    }
    views.expect(market, "counts_word", (), counts, packed("counts"))
    for (number, run), last in law.market.run_end.items():
        views.expect(market, "run_end", (number, run), last)
    views.check(world.chain)
    settled_alike(world)


def compare_audits(world: World) -> None:
    """Compare every word of Audits."""
    books, contract = world.law.audits, world.contracts["audits"]
    views = View()
    for name, count in (
        ("burned", books.burned),
        ("case_count", len(books.cases)),
        ("seat_count", len(books.seats)),
        ("taken_seats", books.taken_seats),
        ("undrawn", books.undrawn),
    ):
        views.expect(contract, name, (), count)
    for account in accounts_of(world):
        views.expect(contract, "free", (account,), books.free[account])
    for place, seat in enumerate([*books.seats, None]):
        fields = asdict(seat or Seat(0, 0))
        views.expect(contract, "seat_word", (place,), fields, packed("seat"))
    for number, case in books.cases.items():
        fields = {name: getattr(case, name) for name, _ in LAYOUTS["case"]}
        views.expect(contract, "case_word", (number,), fields, packed("case"))
        views.expect(contract, "case_by", (number,), case.by)
        views.expect(contract, "case_value", (number,), case.question)
        jury = sum(place << 32 * i for i, place in enumerate(case.jury))
        views.expect(contract, "jury_word", (number,), jury)
        revealed = sum(1 << place for place in case.revealed)
        views.expect(contract, "revealed_word", (number,), revealed)
        for place in range(7):
            vote = case.votes.get(place, bytes(32))
            views.expect(contract, "vote_of", (number, place), vote)
    views.check(world.chain)


def peer_fields(peer: Peer) -> dict[str, int]:
    """Lay a peer of the model out as the first word has it."""
    return {
        "provider": int(peer.provider, 16),
        "units": peer.units,
        "used": peer.used,
        "memory_mib": peer.memory_mib,
        "region": peer.region,
    }


def settled_alike(world: World) -> None:
    """Compare deals and assignments.

    A contract need not store what settling alone would change, so its words are put into a copy
    of the model and settled there.
    """
    stored, settled = copy.deepcopy(world.law.market), copy.deepcopy(world.law.market)
    deals, ids = read_deals(world), read_assignments(world)
    assert list(deals) == list(settled.deals)
    for number, deal in deals.items():
        stored.deals[number] = deal
        stored.settle(number)
        settled.settle(number)
        assert astuple(settled.deals[number]) == astuple(stored.deals[number]), f"deal {number}"
    assert ids == settled.assignments


def read_deals(world: World) -> dict[int, Deal]:
    """Read all deals from the chain, as stored."""
    market = world.contracts["market"]
    numbers = range(1, len(world.law.market.deals) + 1)
    views = [(market, f, (n,)) for n in numbers for f in ("deal_word", "owner_of_deal")]
    answers = world.chain.read(views)
    return {
        number: Deal(developer=owner, **unpack("deal", word))
        for number, word, owner in zip(numbers, answers[::2], answers[1::2], strict=True)
    }


def read_assignments(world: World) -> dict[int, Assignment]:
    """Read all assignments that are not cleared from the chain."""
    numbers = range(1, world.law.market.assignments_made + 1)
    views = [(world.contracts["market"], "assignment_word", (i,)) for i in numbers]
    words = world.chain.read(views)
    return {
        i: Assignment(**unpack("assignment", word))
        for i, word in zip(numbers, words, strict=True)
        if word
    }


def compare_views(world: World) -> None:
    """Compare tokens, what is leaving, offers, the owner, and every view of MarketLens."""
    market, law = copy.deepcopy(world.law.market), world.law
    for number in market.deals:
        market.settle(number)
    contract, lens = world.contracts["market"], world.contracts["lens"]
    views = View()
    for account in [*accounts_of(world), law.staking.at]:
        for token in ("usdc", "flt"):
            held = getattr(law, token).balance[account]
            views.expect(world.contracts[token], "balanceOf", (account,), held)
        views.expect(lens, "free", (account,), market.free[account])
        views.expect(lens, "counter", (account,), market.counter[account])
        staking = world.contracts["staking"]
        leaving = dict(zip(("amount", "ready"), law.staking.leaving[account], strict=True))
        views.expect(staking, "leaving_word", (account,), leaving, packed("leaving"))
        views.expect(staking, "free", (account,), law.staking.free[account])
        views.expect(staking, "locked", (account,), law.staking.locked[account])
        views.expect(staking, "leaving", (account,), law.staking.leaving[account])
    for account, key in world.offers:
        word = {
            "approved": (account, key) in market.approved,
            "cancelled": (account, key) in market.cancelled,
            "deal": market.deal_of.get((account, key), 0),
        }
        views.expect(contract, "offer_word", (account, key), word, packed("offer"))
    for name, count in (
        ("peer_count", len(market.peers)),
        ("deal_count", len(market.deals)),
        ("assignment_count", market.assignments_made),
    ):
        views.expect(lens, name, (), count)
    for (number, wallet), epoch in market.retired.items():
        views.expect(contract, "retired", (number, wallet), epoch)
    for name in ("owner", "next_owner", "paused"):
        views.expect(contract, name, (), getattr(market, name))
    for number, peer in market.peers.items():
        extra = {"wallet": int(peer.wallet, 16), "traits": peer.traits}
        views.expect(contract, "peer_extra_word", (number,), extra, packed("peer_extra"))
        views.expect(contract, "wallet_of", (number,), peer.wallet)
        views.expect(lens, "peer", (number,), peer_view(peer))
    for number in market.deals:
        views.expect(lens, "deal", (number,), deal_view(market, number))
    ids = list(range(1, market.assignments_made + 2))
    for i in ids:
        views.expect(lens, "assignment", (i,), assignment_view(market, i))
        views.expect(contract, "meter_of", (i,), market.meter_of(i))
        for work in (10**11, 10**14, 2**96):
            views.expect(lens, "redeemable", (i, work), redeemable_view(market, i, work))
    some = ids[-64:]
    dues = tuple(assignment_view(market, i)[-2:] for i in some)
    views.expect(lens, "claimable", (some,), dues)
    views.expect(lens, "evictable", (some,), tuple(is_evictable(market, i) for i in some))
    views.check(world.chain)


def is_evictable(market: Any, i: int) -> bool:
    """Say whether `evict` would end the assignment."""
    a = market.assignments.get(i)
    return a is not None and market.alive(a) and market.at_fault(a)


def peer_view(peer: Peer) -> tuple[Any, ...]:
    """Say what the lens should say of a peer."""
    return (
        peer.provider,
        peer.units,
        peer.used,
        peer.memory_mib,
        peer.region,
        peer.wallet,
        peer.traits,
    )


def deal_view(market: Any, number: int) -> tuple[Any, ...]:
    """Say what the lens should say of a settled deal."""
    deal = market.deals[number]
    status = market.status(number)
    runway = deal.balance // deal.rate if status == RUNNING and not deal.metered else 0
    last = (
        0
        if deal.metered
        else {
            RUNNING: min(deal.end, market.clock.epoch + runway),
            LAPSED: market.run_end.get((number, deal.run - 1)),
            STOPPING: deal.end,
            OVER: deal.end,
        }.get(status, 0)
    )
    return (
        deal.developer,
        deal.balance,
        deal.rate,
        deal.settled,
        deal.end,
        deal.units,
        deal.run,
        deal.stopped,
        status,
        runway,
        last,
    )


def assignment_view(market: Any, i: int) -> tuple[Any, ...]:
    """Say what the lens should say of an assignment whose deal is settled."""
    a = market.assignments.get(i)
    if a is None:
        return (0,) * 7 + (False, 0, 0, 0)
    paid = refund = 0
    if a.state in (ACTIVE, ENDED):
        last = market.claimable_until(a)
        if last >= a.next:
            paid, refund = market.split(a, last)
    return (
        a.deal,
        a.peer,
        a.units,
        a.price,
        a.start,
        a.paid if a.state in (METERED, CLOSED) else a.next,
        a.state,
        market.alive(a),
        market.end_of(a),
        paid,
        refund,
    )


def redeemable_view(market: Any, i: int, work: int) -> tuple[int, int]:
    """Say what the lens should say of a voucher."""
    a = market.assignments.get(i)
    if a is None or a.state not in (METERED, CLOSED) or work >= 2**96:
        return 0, 0
    due = max(min(work * a.price // WORK, 2**48 - 1) - a.paid, 0)
    paid = min(due, market.deals[a.deal].balance)
    return paid, due - paid


def owed_by_audits(world: World) -> int:
    """Add up what the words of Audits say is somebody's, or burned."""
    chain, audits, rules = world.chain, world.contracts["audits"], world.parameters
    burned, seats, cases = chain.read(
        [(audits, name, ()) for name in ("burned", "seat_count", "case_count")]
    )
    free = chain.read([(audits, "free", (account,)) for account in accounts_of(world)])
    total = burned + sum(free)
    for word in chain.read([(audits, "seat_word", (place,)) for place in range(seats)]):
        seat = unpack("seat", word)
        if seat["peer"]:
            total += rules.seat - seat["fines"] * (rules.seat // 5)
    for word in chain.read([(audits, "case_word", (n,)) for n in range(1, cases + 1)]):
        case = unpack("case", word)
        accusation = rules.stake + 7 * rules.juror_fee
        if case["state"] != 4:
            total += rules.ask_fee if case["kind"] == 1 else accusation
    return int(total)


def check_conservation(world: World) -> None:
    """Add up the chain's own words: every token unit that is held is owed to somebody.

    Of the model only the formulas are used, and the ends of lapsed runs.
    """
    chain, contracts = world.chain, world.contracts
    market, stakes = contracts["market"], contracts["staking"]
    accounts = accounts_of(world)
    [counts] = chain.read([(market, "counts_word", ())])
    numbers = unpack("counts", counts)

    books = copy.deepcopy(world.law.market)
    deals = range(1, numbers["deals"] + 1)
    words = chain.read(
        [(market, f, (n,)) for n in deals for f in ("deal_word", "owner_of_deal")]
        + [(market, "assignment_word", (i,)) for i in range(1, numbers["assignments"] + 1)]
        + [(market, "account_word", (account,)) for account in accounts]
        + [(contracts["usdc"], "balanceOf", (market.address,))]
    )
    of_deals, rest = words[: 2 * len(deals)], words[2 * len(deals) :]
    of_assignments, rest = rest[: numbers["assignments"]], rest[numbers["assignments"] :]
    books.deals = {
        n: Deal(developer=owner, **unpack("deal", word))
        for n, word, owner in zip(deals, of_deals[::2], of_deals[1::2], strict=True)
    }
    books.assignments = {
        i: Assignment(**unpack("assignment", word))
        for i, word in enumerate(of_assignments, start=1)
        if word
    }
    for n in deals:
        books.settle(n)
    balances = sum(deal.balance for deal in books.deals.values())
    aside = sum(books.put_aside(a) for a in books.assignments.values())
    free = sum(unpack("account", word)["free"] for word in rest[:-1])
    assert rest[-1] == free + balances + aside + world.law.unasked["usdc"]

    staked = chain.read([(stakes, "stake_word", (account,)) for account in accounts])
    leaving = chain.read([(stakes, "leaving_word", (account,)) for account in accounts])
    [held, judged] = chain.read(
        [(contracts["flt"], "balanceOf", (contracts[n].address,)) for n in ("staking", "audits")]
    )
    assert judged == owed_by_audits(world)
    owed = sum(sum(unpack("stake", word).values()) for word in staked)
    owed += sum(unpack("leaving", word)["amount"] for word in leaving)
    assert held == owed + world.law.unasked["flt"]

    peers = chain.read([(market, "peer_word", (n,)) for n in range(1, numbers["peers"] + 1)])
    fields = [unpack("peer", word) for word in peers]
    for account, word in zip(accounts, staked, strict=True):
        units = sum(peer["units"] for peer in fields if peer["provider"] == int(account, 16))
        assert unpack("stake", word)["locked"] == units * world.parameters.bond_per_unit

"""Random histories of the model of the law, as blocks of events, and what a store must say."""

import copy
from dataclasses import dataclass
from typing import Any

from msgspec.structs import fields

from tests.model.law import Law, Places
from tests.model.machine import ROLES
from tests.model.terms import ENDED, Event, Parameters
from wasmarket.chain.reading.blocks import Block, BlockRef, Log
from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.events import EVENTS
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import BlockNumber, Timestamp
from wasmarket.store.chain.assignments import fetch_assignments, fetch_claimable
from wasmarket.store.chain.deals import fetch_deals
from wasmarket.store.chain.peers import fetch_peers, fetch_providers
from wasmarket.store.chain.state import fetch_account, fetch_indexed
from wasmarket.store.enums import AssignmentState
from wasmarket.store.views import AssignmentView
from wasmarket.testing.fake_chain import fake_deployment

START = 1_000_000
ADDRESSES = {name: to_address(keccak(name.encode())[12:]) for name in (*ROLES, "owner")}
KINDS = {kind.__name__: kind for kinds in EVENTS.values() for kind in kinds}
STATES = {1: "pending", 2: "active", 3: "ended"}
STATUS = {1: "waiting", 2: "running", 3: "lapsed", 4: "stopping", 5: "ended"}


def make_law() -> Law:
    """Return a market in which every role has tokens and stake."""
    deployment = fake_deployment()
    places = Places(deployment.market, deployment.staking, ADDRESSES["owner"])
    law = Law(
        Parameters(), places, key_of=lambda offer: to_hash(keccak(repr(offer).encode())), now=START
    )
    for role in ROLES:
        account = ADDRESSES[role]
        law.usdc.balance[account] = 10**6
        law.usdc.allowance[account, places.market] = 2**256 - 1
        law.flt.balance[account] = 10**22
        law.flt.allowance[account, places.staking] = 2**256 - 1
    return law


def deployment_of_model() -> Deployment:
    """Return a deployment with the model's epochs."""
    return fake_deployment(epoch_seconds=Parameters().epoch_seconds)


@dataclass
class Chain:
    """Blocks made of a model's events; `fork` makes the hashes of branches differ."""

    deployment: Deployment
    blocks: list[Block]
    fork: int = 0

    def mine(self, events: tuple[Event, ...], now: int) -> Block:
        """Add a block."""
        number = BlockNumber(self.deployment.block + len(self.blocks))
        parent = self.blocks[-1].ref.hash if self.blocks else to_hash(b"\0" * 32)
        seal = to_hash(keccak(f"{self.fork}/{number}/{now}/{events}".encode()))
        ref = BlockRef(number, seal, parent, Timestamp(now))
        logs = tuple(
            Log(
                to_event(event),
                self.deployment.contracts[event.source].address,
                ref.number,
                ref.hash,
                to_hash(keccak(f"{seal}/tx".encode())),
                index,
                ref.timestamp,
            )
            for index, event in enumerate(events)
        )
        self.blocks.append(Block(ref, logs))
        return self.blocks[-1]


def to_event(event: Event) -> Any:
    """Return the kernel's event for one of the model."""
    kind = KINDS[event.name]
    members = {}
    for member in fields(kind):
        value = event.fields[member.name]
        is_hash = isinstance(value, bytes) and member.type in (
            "Hash",
            "wasmarket.kernel.units.Hash",
        )
        members[member.name] = (
            to_hash(value)
            if isinstance(value, bytes) and (is_hash or member.name in ("app", "key", "root"))
            else value
        )
    return kind(**members)


def check_store(database: Any, law: Law) -> None:
    """Assert that the store says of money, units and states what the model says."""
    market = copy.deepcopy(law.market)
    for number in market.deals:
        market.settle(number)
    with database.read() as session:
        at = fetch_indexed(session)
        assert at.epoch == market.clock.epoch
        for account in ADDRESSES.values():
            view = fetch_account(session, account)
            assert (view.free, view.counter) == (market.free[account], market.counter[account])
        deals = {view.id: view for view in fetch_deals(session, at, limit=None)}
        peers = {view.id: view for view in fetch_peers(session, limit=None)}
        assignments = {view.id: view for view in fetch_assignments(session, at, limit=None)}
        claimable = fetch_claimable(session, at, assignments)
        providers = {view.address: view for view in fetch_providers(session, at, limit=None)}
    check_deals(market, deals)
    for number, peer in market.peers.items():
        view = peers[number]
        assert (view.units, view.used) == (peer.units, peer.used)
        assert (view.provider, view.wallet) == (peer.provider, peer.wallet)
    assert set(assignments) == set(range(1, market.assignments_made + 1))
    for number, view in assignments.items():
        check_assignment(market, number, view, claimable[number])
    for account, view in providers.items():
        assert (view.stake_free, view.stake_locked) == (
            law.staking.free[account],
            law.staking.locked[account],
        )
        assert (view.leaving, view.ready) == law.staking.leaving[account]
        assert view.paid == market.paid[account]


def check_deals(market: Any, deals: dict[Any, Any]) -> None:
    """Assert that the deals agree, settled."""
    assert set(deals) == set(market.deals)
    for number, deal in market.deals.items():
        view = deals[number]
        assert view.status == STATUS[market.status(number)]
        assert (view.balance, view.rate, view.settled, view.end) == (
            deal.balance,
            deal.rate,
            deal.settled,
            deal.end,
        )
        assert (view.units, view.run, view.stopped) == (deal.units, deal.run, deal.stopped)
        alive = [i for i, a in market.assignments.items() if a.deal == number and market.alive(a)]
        assert [entry.id for entry in view.live] == alive
        if deal.run:
            assert view.lapsed_at == market.run_end[number, deal.run - 1]


def check_assignment(
    market: Any, number: int, view: AssignmentView, claimable: tuple[int, int]
) -> None:
    """Assert that an assignment agrees, also on what a claim would give."""
    record = market.assignments.get(number)
    if record is None:
        assert view.state == AssignmentState.CLEARED
        assert claimable == (0, 0)
        return
    assert view.state == STATES[record.state]
    assert (view.units, view.price, view.run) == (record.units, record.price, record.run)
    assert view.alive == market.alive(record)
    if view.state == AssignmentState.PENDING:
        assert view.assigned_at == record.start
        return
    assert (view.start, view.next) == (record.start, record.next)
    assert view.end_of == market.end_of(record)
    if record.state == ENDED:
        assert view.end_of == record.end
    last = market.claimable_until(record)
    assert claimable == (market.split(record, last) if last >= record.next else (0, 0))

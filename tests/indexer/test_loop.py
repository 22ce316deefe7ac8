"""The indexer's loop: it follows, undoes, waits for the chain, and says how it is."""

import threading
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import text

from indexer import apply
from indexer.loop import IndexLoop
from indexer.progress import Board
from indexer.run import read_readiness, read_status
from tests.wasmarket.store.stores import dump
from wasmarket.chain.errors import ReorgTooDeep
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.errors import Unreachable, WrongChain
from wasmarket.kernel.events import CounterBumped, Deposited
from wasmarket.store.chain.events import fetch_changes, fetch_events, fetch_latest
from wasmarket.store.chain.state import fetch_account, fetch_indexed
from wasmarket.store.chain.writer import fetch_tail
from wasmarket.store.database import open_database
from wasmarket.store.errors import Inconsistent
from wasmarket.store.leader import Leader
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

pytestmark = pytest.mark.unit

ANYONE = to_address(b"\x11" * 20)
NEVER = threading.Event()


def deposited(free: int) -> Deposited:
    return Deposited(ANYONE, 1, free)


@pytest.fixture
def chain():
    return FakeChain(fake_deployment())


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def board(registry):
    return Board(registry)


@pytest.fixture
def loop(database, chain, board):
    loop = IndexLoop(database, chain, chain.deployment, board)
    assert loop._leader.acquire()
    yield loop
    loop.close()


def free_of(database) -> int:
    with database.read() as session:
        return fetch_account(session, ANYONE).free


def run_rounds(loop, rounds: int, before_each=lambda number: None) -> None:
    """Take some turns as the daemon does: what goes wrong does not end it."""
    for number in range(1, rounds + 1):
        with suppress(Exception):
            loop.take_turn(NEVER)
        before_each(number)
    loop.close()


def test_step__new_chain__indexes_to_the_head(loop, chain, database, board):
    chain.mine(deposited(5))
    chain.mine(deposited(7))
    chain.mine_many(3)

    loop.step(NEVER)

    assert free_of(database) == 7
    with database.read() as session:
        at = fetch_indexed(session)
        tail = fetch_tail(session)
    assert (at.block, at.block_hash, at.timestamp) == (
        chain.head.number,
        chain.head.hash,
        chain.head.timestamp,
    )
    assert [mark.number for mark in tail] == list(range(1, chain.head.number + 1))
    assert board.progress.lag == 0


def test_step__long_history__reads_far_below_the_head_and_keeps_a_tail(loop, chain, database):
    for number in range(1, 150):
        chain.mine(deposited(number))

    loop.step(NEVER)

    assert free_of(database) == 149
    with database.read() as session:
        assert len(fetch_tail(session)) == 64
        assert len(fetch_events(session, limit=None)) == 149


def test_step__reorg__undoes_and_follows_the_other_branch(loop, chain, database):
    chain.mine(deposited(5))
    chain.mine(deposited(7), CounterBumped(ANYONE, 1))
    loop.step(NEVER)
    with database.read() as session:
        before = fetch_latest(session)

    chain.reorg(1, [deposited(6)])
    loop.step(NEVER)

    assert free_of(database) == 6
    with database.read() as session:
        assert fetch_account(session, ANYONE).counter == 0
        fallen = fetch_changes(session, before)
        again = fetch_changes(session, fallen.position)
    assert (fallen.reorg_to, fallen.events) == (chain.head.number - 1, ())
    assert [event.block for event in again.events] == [chain.head.number]


def test_step__rollback_without_new_blocks__is_undone_once_sure(loop, chain, database):
    chain.mine(deposited(5))
    chain.mine(deposited(7))
    loop.step(NEVER)

    chain.rollback(1)
    for _ in range(10):
        loop.step(NEVER)

    assert free_of(database) == 5


def test_step__stopped_in_the_middle__goes_on_later_from_there(loop, chain, database):
    for number in range(1, 6):
        chain.mine(deposited(number))
    stop = threading.Event()
    stop.set()

    loop.step(stop)
    with database.read() as session:
        assert fetch_indexed(session).block < chain.head.number
    loop.step(NEVER)

    assert free_of(database) == 5


def test_step__handler_fails__nothing_of_the_block_is_kept(loop, chain, database, monkeypatch):
    chain.mine(deposited(5))
    loop.step(NEVER)
    monkeypatch.setattr("indexer.apply.branch_of", fail_once())
    chain.mine(deposited(9))

    with pytest.raises(RuntimeError):
        loop.step(NEVER)
    assert free_of(database) == 5
    loop._live.forget()
    loop.step(NEVER)

    assert free_of(database) == 9


def fail_once():
    real, failed = apply.branch_of, []

    def branch_of(block_hash):
        if not failed:
            failed.append(block_hash)
            raise RuntimeError("out of memory")
        return real(block_hash)

    return branch_of


def test_run__chain_offline_for_a_while__says_so_and_goes_on(loop, chain, database, board):
    reasons = []

    def change(number):
        reasons.append(read_readiness(board, 5))
        chain.offline = number == 1
        if number == 2:
            chain.mine(deposited(3))

    run_rounds(loop, 4, change)

    assert [reason.ready for reason in reasons] == [True, False, True, True]
    assert "offline" in reasons[1].reason
    assert free_of(database) == 3


def test_take_turn__unexpected_error__is_told_and_the_next_turn_goes_on(
    loop, chain, database, board, registry, monkeypatch
):
    monkeypatch.setattr("indexer.apply.branch_of", fail_once())
    chain.mine(deposited(4))

    with pytest.raises(RuntimeError):
        loop.take_turn(NEVER)
    assert "out of memory" in board.progress.problem

    loop.take_turn(NEVER)

    assert free_of(database) == 4
    assert board.progress.problem == ""
    text = generate_latest(registry).decode()
    assert "wasmarket_indexed_events_total 1.0" in text


def test_run__chain_was_reset__is_not_ready_and_says_what_to_do(loop, chain, database, board):
    chain.mine_many(5)
    loop.step(NEVER)
    chain.rollback(5)
    chain._blocks.clear()
    chain._fork += 1
    chain.mine_many(9)

    run_rounds(loop, 2)

    readiness = read_readiness(board, 5)
    assert not readiness.ready
    assert "on this chain" in readiness.reason
    with pytest.raises(ReorgTooDeep):
        loop.step(NEVER)


def test_step__store_of_another_deployment__is_refused(loop, chain, database, board):
    chain.mine(deposited(5))
    loop.step(NEVER)
    other = FakeChain(fake_deployment())
    deployment = other.deployment
    contracts = dict(deployment.contracts)
    contracts["Market"] = contracts["Staking"]
    changed = type(deployment)(
        **{
            name: contracts if name == "contracts" else getattr(deployment, name)
            for name in deployment.__dataclass_fields__
        }
    )
    stranger = IndexLoop(database, other, changed, board)
    stranger._leader = loop._leader

    with pytest.raises(WrongChain, match="the store is of chain"):
        stranger.step(NEVER)
    stranger._live.close()


def test_run__another_indexer_leads__stands_by_then_takes_over(chain, database, board):
    rival = open_database(str(database.engine.url))
    leader = Leader(rival, "indexer")
    assert leader.acquire()
    chain.mine(deposited(5))
    loop = IndexLoop(database, chain, chain.deployment, board)
    states = []

    def change(number):
        states.append((board.progress.is_leader, free_of(database)))
        if number == 1:
            leader.release()

    run_rounds(loop, 2, change)

    assert states == [(False, 0), (True, 5)]
    rival.close()


def test_run__two_write_in_spite_of_the_lock__the_late_one_starts_again(loop, chain, database):
    chain.mine(deposited(5))
    loop.step(NEVER)
    other = IndexLoop(database, chain, chain.deployment, Board(CollectorRegistry()))
    other._leader._token = loop._leader._token
    other.step(NEVER)
    chain.mine(deposited(6))
    other.step(NEVER)
    expected = dump(database)

    run_rounds(loop, 2)

    assert dump(database) == expected
    other._live.close()


def test_read_readiness__far_behind__says_how_far(board):
    board.set_head(100)
    board.set_indexed(60)
    board.succeed()

    readiness = read_readiness(board, 20)

    assert readiness == type(readiness)(False, "40 blocks behind the head")


def test_read_readiness__nothing_indexed__says_so(board):
    board.set_head(100)
    board.succeed()

    assert "nothing" in read_readiness(board, 20).reason


def test_read_status__leader_at_the_head__shows_all(loop, chain, board):
    chain.mine_many(70)
    loop.step(NEVER)

    status = read_status(board, chain.deployment)

    assert (status.head, status.indexed) == (chain.head.number, chain.head.number)
    assert status.finality == chain.head.number - 64
    assert status.contracts["Market"] == chain.deployment.market


def test_step__offline__raises_unreachable(loop, chain):
    chain.offline = True

    with pytest.raises(Unreachable):
        loop.step(NEVER)


def test_run__amount_that_the_store_cannot_keep__is_not_ready_and_keeps_what_it_has(
    loop, chain, database, board
):
    chain.mine(deposited(5))
    loop.step(NEVER)
    chain.mine(deposited(2**63))

    run_rounds(loop, 2)

    readiness = read_readiness(board, 5)
    assert not readiness.ready
    assert "do not fit the store" in readiness.reason
    assert free_of(database) == 5


def test_take_turn__store_refuses_a_row__says_what_to_do_without_its_sql(loop, chain, board):
    chain.mine(deposited(5))
    loop.step(NEVER)
    with loop._database.write() as session:
        columns = "log_index, name, timestamp, tx_hash, data"
        copy = f"INSERT INTO event (block_number, {columns}) SELECT 3, {columns} FROM event"
        session.execute(text(copy))
    chain.mine(deposited(6))

    with pytest.raises(Inconsistent):
        loop.take_turn(NEVER)

    status = read_status(board, chain.deployment).extra
    assert "event" in status["problem"]
    assert "SQL" not in status["problem"]
    assert "--reindex" in status["remedy"]
    assert "--reindex" in read_readiness(board, 5).reason

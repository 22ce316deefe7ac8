"""Killed at every point of a submission: nothing is lost, nothing is sent twice; and pipelines."""

import signal
import threading

import pytest

from tests.matcher.anvil_town import Operator
from tests.matcher.matcher_process import MOMENTS
from tests.matcher.processes import Process, follow, wait_for
from tests.wasmarket.store.stores import copy_store
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.database import sqlite_url
from wasmarket.store.enums import SubmissionState
from wasmarket.store.matching.submissions import fetch_submissions

pytestmark = pytest.mark.anvil


@pytest.fixture
def town(undone_base):
    return undone_base


@pytest.fixture
def operator(town, template, tmp_path):
    database = copy_store(template, tmp_path / "store.sqlite")
    yield Operator(town, database, town.first)
    database.close()


@pytest.fixture
def followed(operator):
    """A store that an indexer keeps up to date."""
    operator.indexer._leader.release()
    stop = threading.Event()
    follower = threading.Thread(target=follow, args=(operator.indexer, stop, 0.05))
    follower.start()
    yield operator.database
    stop.set()
    follower.join(120)


def sent_by(town, account):
    return int(town.rpc.request("eth_getTransactionCount", [account.address, "latest"]), 16)


def submissions(database):
    with database.read() as session:
        return fetch_submissions(session)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed__at_any_point_of_a_submission__one_deal_by_one_transaction(
    town, followed, tmp_path, moment
):
    before = sent_by(town, town.first)
    process = Process(town, sqlite_url(followed.path), tmp_path, moment)
    bid = town.bid()
    process.post("/v1/provider-offers", town.ask(1, 1_000), town.provider)
    process.post("/v1/developer-offers", bid, town.developer, permit=town.permit(100_000))
    died = process.wait()
    recorded = submissions(followed)

    process.start()
    path = f"/v1/developer-offers/{hash_offer(bid)}"
    wait_for(lambda: process.get(path)["status"] == "pending")
    wait_for(lambda: {s.state for s in submissions(followed)} == {SubmissionState.MINED})
    record = process.get("/v1/matches/1")
    process.end(signal.SIGTERM)

    assert died == -signal.SIGKILL
    assert len(recorded) == (0 if moment == "signed" else 1)
    assert sent_by(town, town.first) == before + 1
    assert town.market.read("counts_word") >> 64 & (2**64 - 1) == 1
    [kept] = submissions(followed)
    assert (record["tx"], record["deal"]) == (kept.tx_hash, 1)
    assert {entry.tx_hash for entry in recorded} <= {kept.tx_hash}


def test_round_of_several_offers__is_sent_in_one_block_with_consecutive_nonces(town, operator):
    town.send(town.developer, town.usdc, "approve", town.market.address, 10**9)
    operator.post_asks(town.ask(1, 1_000), town.ask(2, 1_100))
    bids = [town.bid(units=1) for _ in range(4)]
    for bid in bids:
        operator.post_bid(bid)
    operator.index()
    town.anvil.cheats.set_automine(False)
    turn = threading.Thread(target=operator.matcher.settlement_loop.take_turn)
    turn.start()
    wait_for(lambda: int(town.rpc.request("txpool_status", [])["pending"], 16) == 4)
    town.anvil.cheats.mine()
    town.anvil.cheats.set_automine(True)
    turn.join(120)
    operator.index()

    assert [operator.status(bid)["status"] for bid in bids] == ["pending"] * 4
    kept = submissions(operator.database)
    assert len({entry.block_number for entry in kept}) == 1
    first = kept[0].nonce
    assert [entry.nonce for entry in kept] == [first, first + 1, first + 2, first + 3]


def test_pipeline_killed_halfway__the_rest_is_finished_by_the_next_process(
    town, operator, monkeypatch
):
    class Killed(BaseException):
        """The process ends here, as by kill -9."""

    town.send(town.developer, town.usdc, "approve", town.market.address, 10**9)
    operator.post_asks(town.ask(1, 1_000))
    bids = [town.bid(units=1) for _ in range(3)]
    for bid in bids:
        operator.post_bid(bid)
    operator.index()
    submitter = operator.matcher.settlement_loop._submissions
    real, calls = submitter._record, []

    def die_at_the_third(*arguments, **options):
        real(*arguments, **options)
        calls.append(1)
        if len(calls) == 3:
            raise Killed

    monkeypatch.setattr(submitter, "_record", die_at_the_third)
    before = sent_by(town, town.first)
    with pytest.raises(Killed):
        operator.matcher.settlement_loop.take_turn()
    operator.matcher.leader.release()
    operator.matcher = operator.build(town.sender(town.first))

    operator.turn()
    operator.matcher.settlement_loop.wake()
    operator.turn()

    assert sent_by(town, town.first) == before + 3
    assert town.market.peers([1])[0].used == 3
    states = [entry.state for entry in submissions(operator.database)]
    assert states.count(SubmissionState.MINED) == 3

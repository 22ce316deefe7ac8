"""A wrong output, an accusation, and a peer whose provider has seats: it judges by itself."""

import base64

import pytest

from meter.seen import CallSeen
from tests.indexer.verifying import check_spoilt_views, verify_chain
from tests.meter.juries import SEATS, fund_other_provider, run_juror
from tests.meter.lying_peer import LyingPeer, serve_peers
from tests.meter.metering import build_meter, fund
from tests.meter.shown_papers import ShownEpoch
from tests.peer.market_world import EPOCH_SECONDS
from tests.peer.peer_runner import GREETING, publish, wait_until
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel import events
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.audits.evidence import build_called, build_summed
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE, Limits
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.documents.merkle import MerkleTree
from wasmarket.kernel.documents.receipts import function_hash, pack_receipt, receipt_hash
from wasmarket.kernel.events.audits import CaseOutcome
from wasmarket.kernel.hashing import sha256
from wasmarket_cli.provider.peer_seats import JurorSeat, read_seats

pytestmark = pytest.mark.e2e

INPUT = b'["you"]'
LIMITS = Limits(call_ms=2_000, fuel=10**9, fuel_schedule=FUEL_SCHEDULE)


@pytest.fixture(scope="module")
def other_provider(world):
    return fund_other_provider(world)


@pytest.fixture(scope="module")
def juror(world, other_provider, tmp_path_factory):
    """A peer with all seats there are."""
    with run_juror(world, other_provider, tmp_path_factory.mktemp("juror")) as runner:
        yield runner


def show_wrong_output(peer, epoch, app, function="greeting"):
    """Return an epoch of two calls, of which the second has a wrong output."""
    name = function_hash("greeting", function)
    receipts = peer.chain.run(
        epoch, 2, app=raw(app), function=name, input=sha256(INPUT), output=b"x" * 32
    )
    return ShownEpoch([peer.chain.sum_up(epoch, receipts)], receipts)


def accuse(world, url, peers, app, *, number=1, function="greeting"):
    """Have a peer commit a wrong output of `greeting`, and accuse it; return peer and case."""
    peer = peers[number] = LyingPeer(world, url, number)
    peer.take(app, world.developer.address)
    epoch = world.start_epoch()
    shown = show_wrong_output(peer, epoch, app, function)
    world.start_epoch()
    peer.commit(epoch, shown)
    packed = [pack_receipt(receipt) for receipt in shown.receipts]
    summed = build_summed(shown.summaries[0], 0, 1, shown.tree.prove(0))
    called = build_called(packed[1], 1, MerkleTree(packed).prove(1))
    call = world.audits.call("accuse", peer.assignment, summed, called)
    [opened] = world.send(world.stranger, call).find(events.Opened)
    world.anvil.cheats.set_next_timestamp(world.rpc.fetch_head().timestamp + 2)
    world.anvil.cheats.mine()
    world.send(world.stranger, world.audits.call("draw", opened.case))
    return peer, opened.case


def test_seats__as_the_command_reads_them__are_the_jurors(world, juror, other_provider):
    assert read_seats(world.audits) == [JurorSeat(seat, juror.number, 0) for seat in range(SEATS)]


def count(world, kind, case):
    return len([event for event in world.events(kind) if event.case == case])


def run_trial(world, case):
    """Let the phases pass; only the juror acts."""
    wait_until("all voted", lambda: count(world, events.Voted, case) == SEATS)
    for _ in range(3):
        world.start_epoch()
    wait_until("all revealed", lambda: count(world, events.Revealed, case) == SEATS)
    for _ in range(2):
        world.start_epoch()
    return wait_until("it is closed", lambda: world.outcome(case))


def test_jury__wrong_output__convicts(world, juror):
    app = publish(juror.blocks, GREETING.read_bytes(), limits=LIMITS, deterministic=True)
    juror.blocks.put(raw_cid(INPUT), INPUT)
    with serve_peers() as (url, peers):
        peer, case = accuse(world, url, peers, app)

        assert run_trial(world, case) == CaseOutcome.CONVICTED
        assert peer.is_convicted()


def test_jury__function_that_the_app_does_not_have__convicts(world, juror):
    app = publish(juror.blocks, GREETING.read_bytes(), limits=LIMITS, deterministic=True)
    juror.blocks.put(raw_cid(INPUT), INPUT)
    with serve_peers() as (url, peers):
        _, case = accuse(world, url, peers, app, number=3, function="nothing")

        assert run_trial(world, case) == CaseOutcome.CONVICTED


def test_jury__app_that_nobody_has__is_void(world, juror):
    app = publish(BlockFolder(juror.folder.path / "elsewhere"), GREETING.read_bytes(), name="other")
    with serve_peers() as (url, peers):
        _, case = accuse(world, url, peers, app, number=2)
        # Half of the voting passes before it gives up.
        world.anvil.cheats.set_next_timestamp(world.rpc.fetch_head().timestamp + EPOCH_SECONDS)
        world.anvil.cheats.mine()

        assert run_trial(world, case) == CaseOutcome.VOID


def test_meter__that_runs_a_call_again__accuses_and_the_jury_convicts(world, juror, tmp_path):
    app = publish(juror.blocks, GREETING.read_bytes(), limits=LIMITS, deterministic=True)
    juror.blocks.put(raw_cid(INPUT), INPUT)
    account = world.next_wallet()
    fund(world, account)
    process = build_meter(
        world,
        tmp_path / "meter",
        account,
        execute=lambda calls: [b"v" * 32] * len(calls),
        rerun_percent=100.0,
        accuse=True,
        budget_flt=200,
    )
    with serve_peers() as (url, peers):
        peer = peers[4] = LyingPeer(world, url, 4)
        peer.take(app, account.address)
        epoch = world.start_epoch()
        shown = show_wrong_output(peer, epoch, app)
        process.metering.step()
        receipt = f"{peer.assignment}:0:{receipt_hash(pack_receipt(shown.receipts[0])).hex()}"
        process.seen.take(CallSeen(receipt, base64.b64encode(INPUT).decode()))
        world.start_epoch()
        peer.commit(epoch, shown)

        process.metering.step()

        [accused] = [line for line in process.journal.read() if line["what"] == "accused"]
        case = accused["case"]
        world.anvil.cheats.set_next_timestamp(world.rpc.fetch_head().timestamp + 2)
        world.anvil.cheats.mine()
        process.metering.step()
        assert count(world, events.Drawn, case) == 1
        assert run_trial(world, case) == CaseOutcome.CONVICTED
        assert peer.vouchers == []
    process.close()


def test_store__after_all_trials__says_what_the_contracts_say(world, juror, tmp_path):
    database, verdict = verify_chain(world.rpc, world.deployment, tmp_path, replays=True)

    assert verdict.differences == []
    seen = check_spoilt_views(database, world.rpc, world.deployment, tmp_path)
    assert seen >= {"audit_case", "audit_vote", "seat", "audit_account"}
    database.close()

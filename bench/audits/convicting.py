"""Count the epochs from a lie to its conviction on a local chain, with the meter alone."""

import base64
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.peer.market import load_tests
from meter.seen import CallSeen
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel import events
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.documents.receipts import pack_receipt, receipt_hash
from wasmarket.serving.outbound import Outbound
from wasmarket_cli.auditing.execution import run_executor

MOST_EPOCHS = 20
_liars = load_tests("meter.test_liars_anvil")
_juries = load_tests("meter.juries")
_trials = load_tests("meter.test_juries_e2e")
_runner = load_tests("peer.peer_runner")
_metering = load_tests("meter.metering")
_lying = load_tests("meter.lying_peer")
_world = load_tests("peer.market_world")


@contextmanager
def open_world() -> Iterator[Any]:
    """Give a market on a chain of its own."""
    world = _world.MarketWorld()
    try:
        yield world
    finally:
        world.close()


def measure_convictions() -> dict[str, float]:
    """Return the epochs of silence and of a contradiction."""
    with open_world() as world:
        return {
            "silence": count_epochs(world, "papers withheld"),
            "contradiction": count_epochs(world, "broken chain"),
        }


def count_epochs(world: Any, lie: str) -> float:
    """Return how many epochs after the one lied about the peer is convicted."""
    account = world.next_wallet()
    _metering.fund(world, account)
    with tempfile.TemporaryDirectory() as room, _lying.serve_peers() as served:
        process = _metering.build_meter(world, Path(room), account)
        try:
            peer = _liars.make_peer(world, served, account)
            process.metering.step()
            epoch = world.start_epoch() - 1
            peer.commit(epoch, _liars.LIES[lie](peer, epoch))
            return wait_epochs(world, epoch, process.metering.step, peer.is_convicted)
        finally:
            process.close()


def wait_epochs(
    world: Any, lied: int, step: Callable[[], object], is_over: Callable[[], bool]
) -> float:
    """Let epochs pass until it is over; return how many there were since the lie."""
    while not is_over():
        step()
        if is_over():
            break
        if world.epoch - lied > MOST_EPOCHS:
            raise RuntimeError("the liar was not convicted")
        world.start_epoch()
    return float(world.epoch - lied)


def measure_jury() -> dict[str, float]:
    """Return the epochs of a wrong output: accused by the meter, judged by seven seats."""
    with open_world() as world, tempfile.TemporaryDirectory() as room:
        provider = _juries.fund_other_provider(world)
        with _juries.run_juror(world, provider, Path(room) / "juror") as juror:
            return {"jury": count_trial(world, juror, Path(room))}


def count_trial(world: Any, juror: Any, room: Path) -> float:
    """Have a peer lie about an output, and the meter run the call again; return the epochs."""
    limits, body = _trials.LIMITS, _trials.INPUT
    wasm = _trials.GREETING.read_bytes()
    app = _trials.publish(juror.blocks, wasm, limits=limits, deterministic=True)
    _trials.publish(BlockFolder(room / "blocks"), wasm, limits=limits, deterministic=True)
    juror.blocks.put(raw_cid(body), body)
    account = world.next_wallet()
    _metering.fund(world, account)
    terms = {"rerun_percent": 100.0, "accuse": True, "budget_flt": 200}
    with _lying.serve_peers() as (url, peers), run_executor(room, Outbound(False), ()) as execute:
        process = _metering.build_meter(world, room / "meter", account, execute=execute, **terms)
        try:
            peer = peers[1] = _lying.LyingPeer(world, url, 1)
            peer.take(app, account.address)
            epoch = world.start_epoch()
            shown = _trials.show_wrong_output(peer, epoch, app)
            process.metering.step()
            for receipt in shown.receipts[:1]:
                seen = f"{peer.assignment}:0:{receipt_hash(pack_receipt(receipt)).hex()}"
                process.seen.take(CallSeen(seen, base64.b64encode(body).decode()))
            world.start_epoch()
            peer.commit(epoch, shown)

            def step() -> None:
                process.metering.step()
                # What is due within an epoch is done before the next one begins.
                let_judge(world, process.metering.step)

            return wait_epochs(world, epoch, step, peer.is_convicted)
        finally:
            process.close()


def let_judge(world: Any, step: Callable[[], object]) -> None:
    """Let the jury be drawn, vote and reveal, as far as this epoch has it do."""
    opened, drawn = (len(world.events(kind)) for kind in (events.Opened, events.Drawn))
    if opened > drawn:
        world.anvil.cheats.set_next_timestamp(world.rpc.fetch_head().timestamp + 2)
        world.anvil.cheats.mine()
        step()
    for began, done in ((events.Drawn, events.Voted), (events.Phase, events.Revealed)):
        due = len(world.events(began)) * _juries.SEATS
        _runner.wait_until(
            f"all {done.__name__.lower()}", lambda d=done, n=due: len(world.events(d)) >= n
        )

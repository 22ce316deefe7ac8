"""A real peer and the meter: what was done is signed for once, and paid."""

import pytest

from tests.meter.metering import build_meter
from tests.peer.peer_runner import GREETING, publish, wait_until
from tests.peer.test_peer_life import wait_for_commitment
from wasmarket.kernel import events
from wasmarket.kernel.billing import due
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE, Limits
from wasmarket.kernel.units import USDC

pytestmark = pytest.mark.e2e

LIMITS = Limits(call_ms=1_000, fuel=10**9, fuel_schedule=FUEL_SCHEDULE)
POLICY = '[metered]\ncredit = "0.000100"\nleast_redeem = "0.000001"\n'


@pytest.fixture
def account(world):
    return world.next_wallet()


@pytest.fixture
def peer(world, make_peer):
    made = make_peer()
    made.policy = POLICY
    made.start()
    # Before it was started nobody knew its port.
    world.send(world.provider, world.market.call("set_endpoint", made.number, made.url))
    return made


def usage(peer, deal):
    [item] = peer.get(f"/v1/deals/{deal}/vouchers").json()["items"]
    return item


def test_meter__beside_a_real_peer__signs_once_and_the_chain_pays(world, peer, account, tmp_path):
    app = publish(peer.blocks, GREETING.read_bytes(), limits=LIMITS)
    match = world.match(app, [peer.number], meter=account.address)
    peer.wait_for_state(match.deal, "serving")
    epoch = world.start_epoch()
    peer.wait_for_epoch(epoch)
    # Half of the credit and more, so that it is redeemed.
    for _ in range(60):
        signed = peer.call(match.deal, "greeting", ["you"], headers={"Prefer": "receipt"})
    assert signed.status_code == 200
    done = int(usage(peer, match.deal)["done"])
    process = build_meter(world, tmp_path / "meter", account)
    process.metering.step()
    assert process.heads.take([signed.headers["Wasmarket-Head"]]) == 1
    world.start_epoch()
    wait_for_commitment(world, peer, epoch)

    process.metering.step()

    after = usage(peer, match.deal)
    assert (int(after["signed"]), int(after["done"])) == (done, done)

    def find():
        return [e for e in world.events(events.Redeemed) if e.deal == match.deal]

    [paid] = wait_until("it is redeemed", find)
    assert (paid.work, paid.paid, paid.owed) == (done, due(done, USDC), 0)
    process.close()

    again = build_meter(world, tmp_path / "meter", account)
    again.metering.step()

    lines = [line["what"] for line in again.journal.read()]
    assert lines.count("signed") == lines.count("delivered") == 1
    assert lines.count("checked") == 2
    assert "lied" not in lines
    again.close()

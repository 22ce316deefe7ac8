"""Several calls behind one another: one block where gas allows, and each its own outcome."""

import pytest

from tests.wasmarket.chain.senders import await_pending, build_sender, in_thread
from wasmarket.chain.errors import NonceGap
from wasmarket.chain.sending import waiting
from wasmarket.kernel.errors import Reverted, TimedOut

pytestmark = pytest.mark.anvil


def test_send_many__dependent_calls__go_into_one_block(anvil, sender, counter):
    anvil.cheats.set_automine(False)
    result = in_thread(sender.send_many, [counter.call("add_once", n) for n in range(3)])
    await_pending(anvil.rpc, 3)

    anvil.cheats.mine()

    assert len({receipt.block_hash for receipt in result.result(60)}) == 1
    assert counter.read("count") == 3


def test_send_many__one_refused__sends_those_before_and_raises(sender, counter):
    calls = [counter.call("add"), counter.call("add_once", 7), counter.call("add")]

    with pytest.raises(Reverted, match="too late"):
        sender.send_many(calls)

    assert counter.read("count") == 1


def test_send_each__one_refused__does_not_hold_up_the_others(anvil, sender, counter):
    signed = []
    anvil.cheats.set_automine(False)
    calls = [(counter.call("add_once", number), signed.append) for number in (0, 0, 1)]
    result = in_thread(lambda: sender.send_each(calls, max_gas=10**8))
    await_pending(anvil.rpc, 2)

    anvil.cheats.mine()

    first, refused, last = result.result(60)
    assert isinstance(refused, Reverted)
    assert [first.tx_hash, last.tx_hash] == [transaction.hash for transaction in signed]
    assert first.block_hash == last.block_hash
    assert signed[1].nonce == signed[0].nonce + 1


def test_send_each__more_than_the_gas_allowed__goes_in_waves(anvil, sender, counter):
    calls = [(counter.call("add_once", number), lambda _: None) for number in range(3)]

    outcomes = sender.send_each(calls, max_gas=1)

    blocks = [outcome.block_number for outcome in outcomes]
    assert blocks == sorted(set(blocks))
    assert counter.read("count") == 3


def test_send_each__the_first_is_stuck__the_others_are_left_open_at_once(anvil, counter, account):
    anvil.cheats.set_automine(False)
    sender = build_sender(anvil.rpc, account, timeout=2.0)
    signed = []
    calls = [(counter.call("add"), signed.append) for _ in range(3)]

    outcomes = sender.send_each(calls, max_gas=10**8)
    anvil.cheats.mine()

    assert [type(outcome) for outcome in outcomes] == [TimedOut] * 3
    receipts = [sender.resume(transaction.hash, transaction.raw) for transaction in signed]
    assert [receipt.tx_hash for receipt in receipts] == [entry.hash for entry in signed]
    assert counter.read("count") == 3


@pytest.mark.parametrize(("is_in_flight", "outcome"), [(False, NonceGap), (True, TimedOut)])
def test_send_each__a_nonce_before_is_nowhere__is_given_up_unless_somebody_waits_for_it(
    anvil, counter, account, monkeypatch, is_in_flight, outcome
):
    monkeypatch.setattr(waiting, "GAP_SECONDS", 0.2)
    anvil.cheats.set_automine(False)
    sender = build_sender(anvil.rpc, account, timeout=20.0 if outcome is NonceGap else 1.0)
    before = anvil.rpc.fetch_nonce(account.address, "latest")
    # What a reorganisation leaves: the one before was seen mined, and is on no chain now.
    monkeypatch.setattr(sender, "_next_nonce", lambda: before + 1)
    if is_in_flight:
        sender._in_flight.add(before)
    sent = []

    [found] = sender.send_each([(counter.call("add"), sent.append)], max_gas=10**8)

    assert type(found) is outcome
    assert sent[0].nonce == before + 1

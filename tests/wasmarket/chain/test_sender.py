"""Sender on a real node: reasons, nonces, replacement by fee, crashes, outages."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from tests.wasmarket.chain.senders import await_pending, await_true, build_sender, in_thread
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.signing import read_plan, sign_plan
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.errors import InvalidInput, Reverted, TimedOut, Unfunded, Unreachable

pytestmark = pytest.mark.anvil


class Crash(BaseException):
    """The process ends here."""


def test_send__call__is_mined(sender, counter, anvil):
    receipt = sender.send(counter.call("add"))

    assert counter.read("count") == 1
    assert receipt.block_number == anvil.rpc.fetch_block_number()
    assert receipt.gas_used > 21_000
    assert receipt.gas_price > 0
    assert receipt.logs == ()


def test_send__refused_without_words__says_that(sender, counter):
    with pytest.raises(Reverted) as caught:
        sender.send(counter.call("fail"))

    assert str(caught.value) == "Counter.fail was refused: no reason given"
    assert caught.value.reason == ""


def test_send__refused__gives_the_contracts_reason_and_sends_nothing(
    sender, counter, anvil, account
):
    sender.send(counter.call("close"))
    before = anvil.rpc.fetch_nonce(account.address)

    for attempt in (sender.send, sender.simulate):
        with pytest.raises(Reverted) as caught:
            attempt(counter.call("add"))
        assert caught.value.reason == "counter: closed"
        assert str(caught.value) == "Counter.add was refused: counter: closed"

    assert anvil.rpc.fetch_nonce(account.address) == before


def test_send__refused_only_once_mined__gives_the_reason(anvil, counter):
    anvil.cheats.set_automine(False)
    first, second = (build_sender(anvil.rpc, dev_accounts()[i]) for i in (1, 2))
    call = counter.call("add_once", 0)
    results = [in_thread(first.send, call), in_thread(second.send, call)]
    await_pending(anvil.rpc, 2)

    anvil.cheats.mine()

    errors = [result.exception(10) for result in results]
    [error] = [error for error in errors if error is not None]
    assert isinstance(error, Reverted)
    assert counter.read("count") == 1


def test_send__the_block_has_more_to_do_than_the_simulation__there_is_gas_for_it(
    sender, counter, anvil
):
    later = anvil.rpc.fetch_head().timestamp + 10_000
    anvil.cheats.set_automine(False)
    result = in_thread(sender.send, counter.call("add_and_note", later))
    await_pending(anvil.rpc, 1)

    anvil.cheats.set_next_timestamp(later)
    anvil.cheats.mine()

    result.result(60)
    assert counter.read("late") is True


def test_send__no_coins__raises_unfunded(anvil, counter):
    poor = build_sender(anvil.rpc, Account.create())

    with pytest.raises(Unfunded) as caught:
        poor.send(counter.call("add"))

    assert "coins" in caught.value.remedy


def test_send__many_threads__each_gets_its_own_nonce(sender, counter):
    with ThreadPoolExecutor(6) as pool:
        receipts = list(pool.map(lambda _: sender.send(counter.call("add")), range(12)))

    assert counter.read("count") == 12
    assert len({receipt.tx_hash for receipt in receipts}) == 12


def test_send__two_senders_of_one_key_with_a_lock__both_get_through(
    anvil, counter, account, tmp_path
):
    lock = tmp_path / "locks" / "key.lock"
    pair = [build_sender(anvil.rpc, account, lock=lock) for _ in range(2)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: pair[i % 2].send(counter.call("add")), range(10)))

    assert counter.read("count") == 10


def test_send__another_program_takes_the_nonce__uses_the_next(anvil, counter, account):
    pair = [build_sender(anvil.rpc, account) for _ in range(2)]
    gifts = [ContractCall(Account.create().address, b"", "a gift", value=5) for _ in range(6)]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda i: pair[i % 2].send(gifts[i]), range(6)))

    assert [anvil.rpc.fetch_balance(gift.to) for gift in gifts] == [5] * 6


def test_send__stuck__is_replaced_by_fee_with_the_same_nonce(anvil, counter, account):
    anvil.cheats.set_automine(False)
    sender = build_sender(anvil.rpc, account, bump_after=0.2)
    signed = []
    replaced = threading.Event()

    def record(transaction):
        signed.append(transaction)
        if len(signed) == 3:
            replaced.set()

    result = in_thread(sender.send, counter.call("add"), record)
    assert replaced.wait(60)
    await_pending(anvil.rpc, 1)
    plans = [read_plan(transaction.raw) for transaction in signed[:3]]
    anvil.cheats.mine(2)

    receipt = result.result(60)
    assert receipt.tx_hash in {transaction.hash for transaction in signed}
    assert len({plan.nonce for plan in plans}) == 1
    assert plans[0].max_fee * 11 <= plans[1].max_fee * 10
    assert plans[1].tip * 11 <= plans[2].tip * 10
    assert counter.read("count") == 1


def test_send__stuck_at_the_fee_limit__is_not_replaced(anvil, counter, account):
    anvil.cheats.set_automine(False)
    limit = 4 * 10**9
    sender = build_sender(anvil.rpc, account, bump_after=0.05, timeout=2.0, max_fee=limit)
    signed = []

    with pytest.raises(TimedOut) as caught:
        sender.send(counter.call("add"), signed.append)

    assert signed[-1].hash in str(caught.value)
    assert all(read_plan(transaction.raw).max_fee <= limit for transaction in signed)


def test_send__stopped__ends_waiting(anvil, counter, account):
    anvil.cheats.set_automine(False)
    stop = threading.Event()
    sender = build_sender(anvil.rpc, account, stop=stop)
    result = in_thread(sender.send, counter.call("add"))
    await_pending(anvil.rpc, 1)

    stop.set()

    with pytest.raises(TimedOut):
        result.result(60)


def test_send__confirmations__waits_for_blocks_on_top(anvil, counter, account):
    sender = build_sender(anvil.rpc, account, confirmations=2)
    result = in_thread(sender.send, counter.call("add"))
    await_true(lambda: counter.read("count") == 1)
    assert not result.done()

    anvil.cheats.mine(2)

    assert result.result(60).block_number == anvil.rpc.fetch_block_number() - 2


def test_send__reorganised_away_before_confirmed__is_sent_again(anvil, counter, account):
    sender = build_sender(anvil.rpc, account, confirmations=3, bump_after=0.3)
    result = in_thread(sender.send, counter.call("add"))
    await_true(lambda: counter.read("count") == 1)

    anvil.cheats.reorg(1)
    await_true(lambda: counter.read("count") == 1)
    anvil.cheats.mine(3)

    receipt = result.result(60)
    assert counter.read("count") == 1
    [header] = anvil.rpc.fetch_headers([receipt.block_number])
    assert header.hash == receipt.block_hash


def test_send__nonce_taken_while_waiting__is_sent_again_with_the_next(
    anvil, sender, counter, account
):
    anvil.cheats.set_automine(False)
    signed = []
    result = in_thread(sender.send, counter.call("add"), signed.append)
    await_pending(anvil.rpc, 1)
    gift = ContractCall(Account.create().address, b"", "a gift", value=5)
    plan = read_plan(signed[0].raw)
    rival = sign_plan(replace(plan, call=gift, tip=plan.tip * 2, max_fee=plan.max_fee * 2), account)
    anvil.rpc.request("eth_sendRawTransaction", ["0x" + rival.raw.hex()])

    anvil.cheats.set_automine(True)
    anvil.cheats.mine()

    assert result.result(60).tx_hash == signed[1].hash
    assert [transaction.nonce for transaction in signed] == [plan.nonce, plan.nonce + 1]
    assert counter.read("count") == 1
    assert anvil.rpc.fetch_balance(gift.to) == 5


class TestResume:
    def crash(self, sender, call, *, broadcast):
        """Die between signing and broadcast, or right after it; return what was recorded."""
        recorded = []

        def on_signed(signed):
            recorded.append(signed)
            if broadcast:
                sender._rpc.request("eth_sendRawTransaction", ["0x" + signed.raw.hex()])
            raise Crash

        with pytest.raises(Crash):
            sender.send(call, on_signed)
        return recorded[0]

    def test_resume__never_broadcast__is_broadcast_now(self, anvil, sender, counter, account):
        signed = self.crash(sender, counter.call("add"), broadcast=False)
        assert counter.read("count") == 0

        receipt = build_sender(anvil.rpc, account).resume(signed.hash, signed.raw)

        assert receipt.tx_hash == signed.hash
        assert counter.read("count") == 1

    def test_resume__mined_before_the_crash__is_found_and_not_sent_twice(
        self, anvil, sender, counter, account
    ):
        signed = self.crash(sender, counter.call("add"), broadcast=True)

        receipt = build_sender(anvil.rpc, account).resume(signed.hash, signed.raw)

        assert receipt.tx_hash == signed.hash
        assert counter.read("count") == 1

    def test_resume__still_waiting__is_waited_for(self, anvil, sender, counter, account):
        anvil.cheats.set_automine(False)
        signed = self.crash(sender, counter.call("add"), broadcast=True)

        result = in_thread(build_sender(anvil.rpc, account).resume, signed.hash, signed.raw)
        anvil.cheats.mine()

        assert result.result(60).tx_hash == signed.hash

    def test_resume__nonce_used_by_another__is_given_up(self, anvil, sender, counter, account):
        signed = self.crash(sender, counter.call("add"), broadcast=False)
        sender.send(counter.call("add_once", 0))

        assert build_sender(anvil.rpc, account).resume(signed.hash, signed.raw) is None
        assert counter.read("count") == 1

    def test_resume__would_be_refused_now__is_given_up(self, anvil, sender, counter, account):
        signed = self.crash(sender, counter.call("add_once", 0), broadcast=False)
        build_sender(anvil.rpc, dev_accounts()[2]).send(counter.call("add"))

        assert build_sender(anvil.rpc, account).resume(signed.hash, signed.raw) is None
        assert anvil.rpc.fetch_nonce(account.address, "pending") == signed.nonce

    def test_resume__replaced_while_waiting__the_replacement_is_found(
        self, anvil, counter, account
    ):
        anvil.cheats.set_automine(False)
        signed = []

        def record(transaction):
            signed.append(transaction)
            if len(signed) == 2:
                sender._rpc.request("eth_sendRawTransaction", ["0x" + transaction.raw.hex()])
                raise Crash

        sender = build_sender(anvil.rpc, account, bump_after=0.1)
        with pytest.raises(Crash):
            sender.send(counter.call("add"), record)
        anvil.cheats.mine()

        fresh = build_sender(anvil.rpc, account)
        receipts = [fresh.resume(transaction.hash, transaction.raw) for transaction in signed]

        assert receipts[0] is None
        assert receipts[1].tx_hash == signed[1].hash
        assert counter.read("count") == 1

    def test_resume__mined_but_refused__gives_the_reason(self, anvil, sender, counter, account):
        anvil.cheats.set_automine(False)
        signed = self.crash(sender, counter.call("add_once", 0), broadcast=True)
        rival_sender = build_sender(anvil.rpc, dev_accounts()[2])
        rival = in_thread(rival_sender.send, counter.call("add_once", 0))
        await_pending(anvil.rpc, 2)
        anvil.cheats.mine()
        rival.exception(10)

        outcome = in_thread(build_sender(anvil.rpc, account).resume, signed.hash, signed.raw)

        assert counter.read("count") == 1
        failures = [result.exception(10) for result in (rival, outcome)]
        assert sum(isinstance(failure, Reverted) for failure in failures) == 1

    def test_resume__a_nonce_before_it_was_never_used__is_given_up(
        self, anvil, sender, counter, account
    ):
        signed = self.crash(sender, counter.call("add"), broadcast=False)
        later = sign_plan(replace(read_plan(signed.raw), nonce=signed.nonce + 1), account)

        assert sender.resume(later.hash, later.raw) is None
        assert int(anvil.rpc.request("txpool_status")["queued"], 16) == 0

    def test_resume__other_bytes__are_refused(self, sender, counter):
        signed = self.crash(sender, counter.call("add"), broadcast=False)

        with pytest.raises(InvalidInput):
            sender.resume(signed.hash, signed.raw[:-1])


class Flaky(httpx.BaseTransport):
    """A network that fails where `broken` says: "before" the node hears, or "after"."""

    def __init__(self):
        self.inner = httpx.HTTPTransport()
        self.broken = lambda body: None

    def handle_request(self, request):
        mode = self.broken(request.content)
        if mode == "before":
            raise httpx.ConnectError("cable out")
        response = self.inner.handle_request(request)
        if mode == "after":
            response.read()
            raise httpx.ReadError("cable out")
        return response

    def close(self):
        self.inner.close()


@pytest.fixture
def flaky(anvil):
    network = Flaky()
    with Rpc(anvil.url, transport=network, retries=0) as rpc:
        yield network, rpc


@pytest.mark.parametrize("when", ["before", "after"])
def test_send__connection_lost_at_broadcast__is_sent_once(anvil, flaky, counter, account, when):
    network, rpc = flaky
    failures = iter([when])
    network.broken = lambda body: next(failures, None) if b"eth_sendRaw" in body else None

    receipt = build_sender(rpc, account).send(counter.call("add"))

    assert counter.read("count") == 1
    assert anvil.rpc.fetch_nonce(account.address) == 1
    assert receipt.block_number == anvil.rpc.fetch_block_number()


def test_send__outage_while_waiting__is_waited_out(anvil, flaky, counter, account):
    network, rpc = flaky
    anvil.cheats.set_automine(False)
    outage = iter(["before"] * 5)
    network.broken = lambda body: next(outage, None) if b"Receipt" in body else None
    result = in_thread(build_sender(rpc, account).send, counter.call("add"))
    await_pending(anvil.rpc, 1)

    anvil.cheats.mine()

    assert result.result(60).gas_used > 0


def test_send__outage_before_signing__raises_and_records_nothing(flaky, counter, account):
    network, rpc = flaky
    network.broken = lambda body: "before"
    recorded = []

    with pytest.raises(Unreachable):
        build_sender(rpc, account).send(counter.call("add"), recorded.append)

    assert recorded == []


def test_send__value__moves_coins(anvil, sender, counter):
    receiver = Account.create().address

    sender.send(ContractCall(receiver, b"", "a gift", value=5))

    assert anvil.rpc.fetch_balance(receiver) == 5

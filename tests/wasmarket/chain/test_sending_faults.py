"""Sending through a proxy and a node that misbehave: one signed call, one effect."""

import httpx
import pytest

from tests.wasmarket.chain.middleman import Middleman, error
from tests.wasmarket.chain.senders import await_pending, build_sender, in_thread
from wasmarket.chain.errors import GasTooDear
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.signing import read_plan
from wasmarket.kernel.errors import Reverted, TimedOut

pytestmark = pytest.mark.anvil

GWEI = 10**9


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def proxy(anvil):
    middleman = Middleman()
    with Rpc(anvil.url, transport=middleman, sleep=lambda _: None) as rpc:
        yield middleman, rpc


def refusals():
    return [
        httpx.Response(504),
        httpx.Response(502, text="<html>"),
        httpx.Response(429),
        httpx.Response(400, text="no"),
        httpx.Response(200, text="garbage"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 0, "result": {"odd": []}}),
        httpx.RemoteProtocolError("closed"),
        httpx.ReadTimeout("silent"),
        error("AlreadyKnown"),
        error("nonce too low"),
        error("OldNonce, Current nonce: 1, nonce of rejected tx: 0"),
        error("replacement transaction underpriced"),
        error("insufficient funds for gas * price + value"),
        error("INTERNAL_ERROR: unbekannter Fehler", -32603),
        error("rate limit reached", -32005),
        error(""),
    ]


@pytest.mark.parametrize("number", range(len(refusals())))
def test_send__passed_on_but_answered_with_trouble__has_one_effect(
    anvil, proxy, counter, account, number
):
    middleman, rpc = proxy
    middleman.after["eth_sendRawTransaction"] = [refusals()[number]]
    signed = []

    receipt = build_sender(rpc, account).send(counter.call("add"), signed.append)

    assert receipt.tx_hash == signed[0].hash
    assert (len(signed), counter.read("count")) == (1, 1)
    assert middleman.sent.count("eth_sendRawTransaction") == 1
    assert anvil.rpc.fetch_nonce(account.address) == 1


@pytest.mark.parametrize("number", range(len(refusals())))
def test_send__not_passed_on_at_first__has_one_effect(proxy, counter, account, number):
    middleman, rpc = proxy
    middleman.instead["eth_sendRawTransaction"] = [refusals()[number]]
    signed = []

    receipt = build_sender(rpc, account).send(counter.call("add"), signed.append)

    assert receipt.tx_hash == signed[0].hash
    assert (len(signed), counter.read("count")) == (1, 1)


@pytest.mark.parametrize("number", range(len(refusals())))
def test_send_many__passed_on_but_answered_with_trouble__each_has_one_effect(
    anvil, proxy, counter, account, number
):
    middleman, rpc = proxy
    middleman.after["eth_sendRawTransaction"] = [refusals()[number], refusals()[number]]

    receipts = build_sender(rpc, account).send_many([counter.call("add")] * 3)

    assert len({receipt.tx_hash for receipt in receipts}) == 3
    assert counter.read("count") == 3
    assert anvil.rpc.fetch_nonce(account.address) == 3


def troubled_looks():
    return [
        error("transaction indexing is in progress"),
        error("rate limit reached", -32005),
        {"result": {"transactionHash": 7}},
        {"result": "0xzz"},
        {"result": None},
        httpx.Response(504),
        httpx.Response(200, text="garbage"),
        httpx.ReadTimeout("silent"),
        httpx.RemoteProtocolError("closed"),
    ]


LOOKS = [
    "eth_getTransactionReceipt",
    "eth_getTransactionByHash",
    "eth_blockNumber",
]


@pytest.mark.parametrize("method", LOOKS)
@pytest.mark.parametrize("number", range(len(troubled_looks())))
def test_send__looks_answered_with_trouble__the_receipt_is_found_in_the_end(
    anvil, proxy, counter, account, method, number
):
    middleman, rpc = proxy
    middleman.after[method] = [troubled_looks()[number]] * 6
    signed = []

    receipt = build_sender(rpc, account).send(counter.call("add"), signed.append)

    assert receipt.tx_hash == signed[0].hash
    assert (len(signed), counter.read("count")) == (1, 1)
    assert anvil.rpc.fetch_nonce(account.address) == 1


@pytest.mark.parametrize("answer", [error("indexing is in progress"), {"result": None}], ids=str)
def test_send__looks_never_answered__raises_timed_out_with_the_hash(
    proxy, counter, account, answer
):
    middleman, rpc = proxy
    middleman.after["eth_getTransactionReceipt"] = [answer] * 10_000
    signed = []

    with pytest.raises(TimedOut) as caught:
        build_sender(rpc, account, timeout=2.0).send(counter.call("add"), signed.append)

    assert signed[0].hash in caught.value.detail
    assert (len(signed), counter.read("count")) == (1, 1)


def test_send__always_refused__raises_timed_out_with_the_hash_and_the_nodes_words(
    proxy, counter, account
):
    middleman, rpc = proxy
    middleman.instead["eth_sendRawTransaction"] = [error("tx fee exceeds the cap")] * 100
    signed = []

    with pytest.raises(TimedOut) as caught:
        build_sender(rpc, account, timeout=2.0).send(counter.call("add"), signed.append)

    assert signed[0].hash in caught.value.detail
    assert "tx fee exceeds the cap" in caught.value.detail
    assert len(signed) == 1


def test_send__refused_on_chain_and_the_reason_cannot_be_had__is_reverted(
    anvil, proxy, counter, account
):
    middleman, rpc = proxy
    anvil.cheats.set_automine(False)
    result = in_thread(build_sender(rpc, account).send, counter.call("add_once", 0))
    await_pending(anvil.rpc, 1)
    rival = {"from": anvil.rpc.request("eth_accounts")[3], "to": counter.address}
    data = "0x" + counter.call("add").data.hex()
    fee = hex(100 * GWEI)
    rich = {"maxFeePerGas": fee, "maxPriorityFeePerGas": fee, "gas": hex(100_000)}
    anvil.rpc.request("eth_sendTransaction", [{**rival, "data": data, **rich}])
    middleman.instead["eth_call"] = [httpx.Response(504)] * 10

    anvil.cheats.mine()

    with pytest.raises(Reverted):
        result.result(60)


class TestFees:
    def crash(self, sender, call):
        recorded = []

        def on_signed(signed):
            recorded.append(signed)
            raise Crash

        with pytest.raises(Crash):
            sender.send(call, on_signed)
        return recorded[0]

    def raise_base_fee(self, anvil, wei):
        anvil.rpc.request("anvil_setNextBlockBaseFeePerGas", [hex(wei)])
        anvil.cheats.mine()
        anvil.rpc.request("anvil_setNextBlockBaseFeePerGas", [hex(wei)])

    def test_resume__fees_rose_above_it__is_sent_dearer_with_the_same_nonce(
        self, anvil, sender, counter, account
    ):
        signed = self.crash(sender, counter.call("add"))
        self.raise_base_fee(anvil, 50 * GWEI)
        later = []

        receipt = build_sender(anvil.rpc, account).resume(signed.hash, signed.raw, later.append)

        assert [entry.nonce for entry in later] == [signed.nonce]
        assert receipt.tx_hash == later[0].hash
        assert counter.read("count") == 1

    def test_resume__fees_rose_above_the_limit__is_given_up_since_its_nonce_is_free(
        self, anvil, sender, counter, account
    ):
        signed = self.crash(sender, counter.call("add"))
        self.raise_base_fee(anvil, 50 * GWEI)
        poor = build_sender(anvil.rpc, account, max_fee=20 * GWEI)

        assert poor.resume(signed.hash, signed.raw) is None
        assert counter.read("count") == 0

    def test_resume__account_has_no_coins__is_given_up_since_its_nonce_is_free(
        self, anvil, sender, counter, account
    ):
        signed = self.crash(sender, counter.call("add"))
        anvil.cheats.set_balance(account.address, 0)

        assert build_sender(anvil.rpc, account).resume(signed.hash, signed.raw) is None

    def test_resume__receipts_are_not_answered__is_not_given_up(
        self, anvil, proxy, sender, counter, account
    ):
        middleman, rpc = proxy
        receipt = sender.send(counter.call("add"), (signed := []).append)
        middleman.after["eth_getTransactionReceipt"] = [error("indexing is in progress")] * 6

        resumed = build_sender(rpc, account).resume(signed[0].hash, signed[0].raw)

        assert resumed == receipt

    def test_send__fees_rise_while_it_waits_for_the_node__is_sent_dearer(
        self, anvil, proxy, counter, account
    ):
        _, rpc = proxy
        signed = []

        def on_signed(entry):
            signed.append(entry)
            if len(signed) == 1:
                self.raise_base_fee(anvil, 50 * GWEI)

        receipt = build_sender(rpc, account).send(counter.call("add"), on_signed)

        assert receipt.tx_hash == signed[1].hash
        assert signed[0].nonce == signed[1].nonce
        assert counter.read("count") == 1

    def test_send__base_fee_above_the_limit__signs_nothing_and_names_the_setting(
        self, anvil, counter, account
    ):
        self.raise_base_fee(anvil, 5_000 * GWEI)
        signed = []
        sender = build_sender(anvil.rpc, account, max_fee=500 * GWEI)

        with pytest.raises(GasTooDear) as caught:
            sender.send(counter.call("add"), signed.append)

        assert signed == []
        assert "5000 gwei" in caught.value.detail
        assert "max_fee_gwei" in caught.value.remedy

    @pytest.mark.parametrize("price", [1, 50])
    def test_send__gas_costs_more_than_the_call_is_worth__signs_nothing(
        self, anvil, sender, counter, price
    ):
        self.raise_base_fee(anvil, price * GWEI)
        call = counter.call("add")
        costly = type(call)(call.to, call.data, call.description, max_cost=30_000 * price * GWEI)
        signed = []

        with pytest.raises(GasTooDear):
            sender.send(costly, signed.append)

        assert signed == []

    def test_send__worth_its_gas__never_pays_more_than_that(self, anvil, sender, counter):
        call = counter.call("add")
        worth = 10**6 * GWEI
        signed = []

        sender.send(type(call)(call.to, call.data, call.description, max_cost=worth), signed.append)

        plan = read_plan(signed[0].raw)
        assert plan.gas * plan.max_fee <= worth
